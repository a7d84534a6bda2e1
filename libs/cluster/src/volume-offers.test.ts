// Tests offers of nothing but volumes: what is free of a reservation is in volumes, and a task holds the rest.
import type { OfferId } from '@parley/protocol/ids';
import type { OperationInput } from '@parley/protocol/offers';
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  aCluster,
  aFramework,
  anAgentId,
  factOf,
  factsOf,
  of,
  type ScriptedCluster,
} from './scripted-cluster.ts';
import { cpusAndDisk, mount, refusalOf } from './scripted-reservations.ts';
import { launchOf, raw, taskRef } from './scripted-tasks.ts';

const agentId = anAgentId();
const framework = aFramework();
const task = (taskId: string, more: Record<string, unknown> = {}) =>
  launchOf(raw(taskId, { command: { argv: ['true'] }, resources: cpusAndDisk(1), ...more }));
let cluster: ScriptedCluster;

const unreserved = (cpus: number, disk = 0) =>
  cluster.offer(framework, cpusAndDisk(cpus, disk), agentId, { role: 'eng' });
const part = { reservationId: 'x', role: 'eng', resources: {} };
const proposeVolumes = (cpus = 0) =>
  cluster.propose(framework, cpus === 0 ? {} : cpusAndDisk(cpus), agentId, {
    role: 'eng',
    reservations: [part],
  });
const offerVolumes = (cpus = 0): OfferId => {
  const id = of(proposeVolumes(cpus), 'offers')[0]?.message.offers[0]?.offerId;
  if (id === undefined) throw new Error('the proposal became an offer');
  return id;
};
const operate = (id: OfferId, ...operations: OperationInput[]) =>
  cluster.operate(framework, [id], operations);
const decline = (id: OfferId, refuseMs: number) =>
  cluster.frameworkCall(framework, {
    verb: 'decline',
    body: { offerIds: [id], filter: { refuseMs } },
  });

/** The task holds all of the reservation but for the volume. */
beforeEach(() => {
  cluster = aCluster(cpusAndDisk(10, 100), { roles: ['eng'] });
  operate(
    unreserved(4, 50),
    { kind: 'reserve', reservationId: 'x', resources: cpusAndDisk(3, 40), labels: {} },
    { kind: 'createVolume', reservationId: 'x', volumeId: 'v', mib: 40 },
    task('t1', { resources: cpusAndDisk(3), reservationId: 'x' }),
  );
});

describe('an offer of volumes alone', () => {
  test('is made of a reservation of which nothing else is free', () => {
    const facts = cluster.register(agentId, cpusAndDisk(10, 100), [
      { task: taskRef(framework, 't1'), state: 'running', lastSequence: 0 },
    ]);
    expect(factOf(facts, 'agent')).toMatchObject({
      reservations: [{ reservationId: 'x', role: 'eng', resources: normalise({}) }],
    });
    const effects = proposeVolumes();
    expect(of(effects, 'offers')[0]?.message.offers).toMatchObject([
      { resources: normalise({}), reservations: [{ volumes: [{ volumeId: 'v', mib: 40 }] }] },
    ]);
    expect(factsOf(effects)).toContainEqual(
      expect.objectContaining({ kind: 'agentFree', reservations: [] }),
    );
    expect(of(proposeVolumes(), 'offers')).toEqual([]);
  });

  test('is made to a framework whose unanswered offers have reached the cap, like the allocator proposes it', () => {
    cluster.startTerm({ outstandingCapPermille: 100 });
    unreserved(1);
    expect(of(proposeVolumes(1), 'offers')).toEqual([]);
    expect(of(proposeVolumes(), 'offers')).toHaveLength(1);
  });

  test('is refused as nothing when it is declined, unless it is declined without a filter', () => {
    const refused = { framework, role: 'eng', agentId, resources: normalise({}), refuseMs: 7000 };
    expect(refusalOf(decline(offerVolumes(), 7000))).toMatchObject(refused);
    expect(refusalOf(decline(offerVolumes(), 0))).toBeUndefined();
  });

  test('is refused as nothing when an accept leaves its volumes unused, and only then', () => {
    const used = operate(unreserved(1), task('t2'));
    expect(refusalOf(used)).toBeUndefined();
    const unused = operate(offerVolumes(1), task('t3'));
    expect(refusalOf(unused)).toMatchObject({ resources: normalise({}), refuseMs: 5000 });
    const mounted = operate(offerVolumes(1), task('t4', mount));
    expect(refusalOf(mounted)).toBeUndefined();
  });
});
