// Tests what an agent sets aside of itself for roles.
import { normalise } from '@parley/resources/resources';
import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_RESERVATIONS_PER_AGENT } from './limits.ts';
import { aFramework, anAgentId, answerOf, of, ScriptedCluster } from './scripted-cluster.ts';
import { cpusAndDisk, taskWith } from './scripted-reservations.ts';

const agentId = anAgentId();
const framework = aFramework();
const cpus = (count: number) => ({ cpus: count * 1000 });
let cluster: ScriptedCluster;

const registers = (reserved?: Record<string, Record<string, number>>) =>
  cluster.register(agentId, cpusAndDisk(8), [], reserved);
const reservations = () => [...cluster.state.reservations.rows()];
const reserve = (reservationId: string) => ({
  kind: 'reserve' as const,
  reservationId,
  resources: { scalars: cpus(1) },
});

beforeEach(() => {
  cluster = new ScriptedCluster();
  cluster.startTerm();
  cluster.subscribe(framework, { roles: ['eng'] });
});

describe('what an agent sets aside for a role', () => {
  test('is a reservation of that role from its registration on, and free for nobody else', () => {
    const effects = registers({ eng: cpus(3) });
    expect(reservations()).toMatchObject([
      {
        role: 'eng',
        reservationId: 'static',
        resources: normalise({ scalars: cpus(3) }),
        by: 'agent:a1',
      },
    ]);
    expect(of(effects, 'facts').flatMap(({ facts }) => facts)).toContainEqual(
      expect.objectContaining({
        kind: 'agent',
        free: normalise(cpusAndDisk(5)),
        reservations: [expect.objectContaining({ role: 'eng', reservationId: 'static' })],
      }),
    );
  });

  test('becomes what it says at another start, and offers of before end', () => {
    registers({ eng: cpus(3), ops: cpus(1) });
    cluster.offer(framework, cpusAndDisk(1), agentId, { role: 'eng' });
    registers({ eng: cpus(4) });
    expect(cluster.state.offers.size).toBe(0);
    expect(reservations()).toMatchObject([
      { role: 'eng', resources: normalise({ scalars: cpus(4) }) },
    ]);
  });

  test('stays as it is when it says the same again, and so do offers', () => {
    registers({ eng: cpus(3) });
    cluster.offer(framework, cpusAndDisk(1), agentId, { role: 'eng' });
    registers({ eng: cpus(3) });
    expect(cluster.state.offers.size).toBe(1);
  });

  test('is changed by no framework and by no operator', () => {
    registers({ eng: cpus(3) });
    for (const operation of [
      { kind: 'unreserve' as const, reservationId: 'static' },
      reserve('static'),
    ]) {
      const effects = cluster.operateAsOperator(operation, agentId, 'eng');
      expect(answerOf(effects)).toMatchObject({
        ok: false,
        failure: { code: 'invalidOperation', message: expect.stringContaining('--reserve') },
      });
    }
    expect(answerOf(cluster.operateAsOperator(reserve('own'), agentId, 'eng'))).toMatchObject({
      ok: true,
    });
  });

  test('is no less than what tasks hold of it, however little it says; the next start frees the rest', () => {
    registers({ eng: cpus(3) });
    const part = { role: 'eng', reservationId: 'static', resources: cpusAndDisk(2) };
    const offerId = cluster.offer(framework, {}, agentId, { role: 'eng', reservations: [part] });
    const task = taskWith('t1', { resources: cpusAndDisk(2), reservationId: 'static' });
    cluster.accept(framework, [offerId], [task]);
    registers({});
    expect(reservations()).toMatchObject([{ resources: normalise({ scalars: cpus(2) }) }]);
  });

  test('is refused where it is more than the agent has', () => {
    expect(answerOf(registers({ eng: cpus(5), ops: cpus(4) }))).toMatchObject({
      ok: false,
      failure: { code: 'malformed', message: expect.stringContaining('more aside than it has') },
    });
    expect(reservations()).toEqual([]);
  });

  test('is refused where it is for more roles than an agent may have reservations', () => {
    const many = Array.from({ length: MAX_RESERVATIONS_PER_AGENT + 1 }, (_, at) => [`r${at}`, {}]);
    expect(answerOf(registers(Object.fromEntries(many)))).toMatchObject({
      failure: { code: 'malformed', message: expect.stringContaining('roles') },
    });
  });

  test('is not read under rules that do not know it', () => {
    cluster = new ScriptedCluster();
    cluster.rulesVersion = 4;
    cluster.startTerm();
    // Not even what would be refused: a release that does not know it would take the agent.
    expect(answerOf(registers({ eng: cpus(30) }))).toMatchObject({ ok: true });
    expect(reservations()).toEqual([]);
  });
});
