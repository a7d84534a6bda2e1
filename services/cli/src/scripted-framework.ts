// Owns the books of a cluster with one framework, as the core keeps them, for tests of what is said of it.
import { ClusterState } from '@parley/cluster/cluster-state';
import { ClusterSettings } from '@parley/cluster/inputs';
import type { CardRecord, FrameworkRecord } from '@parley/cluster/records';
import {
  AgentId,
  ExecutorId,
  FrameworkRef,
  frameworkKey,
  OfferId,
  ReservationId,
  RoleName,
  TaskRef,
} from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';

export const framework = FrameworkRef.parse({ principal: 'batch', frameworkId: 'run-1' });
export const stranger = FrameworkRef.parse({ principal: 'batch', frameworkId: 'run-2' });
export const key = frameworkKey(framework);
const eng = RoleName.parse('eng');
const ops = RoleName.parse('ops');
const agentId = AgentId.parse('a1');
export const cpus = (amount: number, mem = 0) => ({
  ...NO_RESOURCES,
  scalars: { cpus: amount, mem },
});

export const card: CardRecord = {
  framework,
  offered: 30,
  accepted: 6,
  declined: 12,
  rescinded: 4,
  expired: 2,
  ignored: 1,
  declineReasons: { tooSmall: 2, locality: 7 },
  holdingMs: 1800,
  launched: 9,
  ended: { finished: 7, failed: 1 },
  // Eight tasks from 1,024 ms up to 2,048 ms; launches from 64 ms up to 128 ms.
  taskLengths: [...Array.from({ length: 10 }, () => 0), 8],
  launchDelays: [...Array.from({ length: 6 }, () => 0), 9],
};

const nightly: FrameworkRecord = {
  framework,
  state: 'disconnected',
  name: 'nightly',
  roles: [
    { role: eng, isSuppressed: false },
    { role: ops, isSuppressed: true },
  ],
  session: 4,
  lastNumber: 9,
  confirmedNumber: 9,
  demand: [
    { role: eng, shape: 'x', count: 3, resources: cpus(500), constraints: [] },
    {
      role: ops,
      shape: 'y',
      count: 1,
      resources: cpus(100),
      constraints: [{ name: 'zone', operator: 'exists' }],
    },
  ],
  failoverTimeoutMs: 3_600_000,
  expiryStrikes: 2,
  lastEventId: 5,
  droppedEvents: 0,
  failoverAtMs: 140_000,
  subscribedAtMs: 0,
};

function aTask(taskId: string, resources = cpus(1000, 64_000)) {
  const task = TaskRef.parse({ ...framework, taskId });
  return {
    task,
    name: taskId,
    agentId,
    role: eng,
    resources,
    reserved: [],
    isInGroup: false,
    state: 'running',
    launchedAtMs: 0,
    changedWallTimeMs: 0,
    agentSequence: 1,
    masterSequence: 0,
    orderedSequence: 0,
  } as const;
}

/** One agent, and on it `framework` with two tasks, an executor and an offer. */
export function aState(): ClusterState {
  const state = new ClusterState();
  state.cluster.put('cluster', {
    epoch: { bucketCreatedMs: 1, revision: 1 },
    settings: ClusterSettings.parse({}),
    coreTimeMs: 50_000,
    offerCounter: 0,
    orderCounter: 0,
    factsSequence: 0,
    allocatorEpoch: { bucketCreatedMs: 0, revision: 0 },
    allocatorDecided: 0,
    usageIntegral: { atMs: 0, allocated: {}, total: {} },
  });
  state.agents.put(agentId, {
    agentId,
    state: 'registered',
    registration: 1,
    hostname: 'host-1',
    total: cpus(8000, 512_000),
    attributes: {},
    isOvercommitted: false,
    isDeactivated: true,
  });
  state.frameworks.put(key, nightly);
  const reserved = [
    { role: eng, reservationId: ReservationId.parse('r1'), resources: cpus(500), volumes: [] },
  ];
  state.tasks.put('t1', aTask('t1'));
  state.tasks.put('t2', { ...aTask('t2'), reserved });
  state.executors.put('e1', {
    executor: { ...framework, executorId: ExecutorId.parse('e1') },
    agentId,
    role: eng,
    description: {
      executorId: ExecutorId.parse('e1'),
      kind: 'custom',
      resources: cpus(100),
      shutdownGraceMs: 1000,
    },
    resources: cpus(100),
    isConfirmed: true,
    isShuttingDown: false,
  });
  state.offers.put('o1', {
    offerId: OfferId.parse('o1'),
    state: 'outstanding',
    framework,
    role: eng,
    agentId,
    resources: cpus(2000, 32_000),
    reserved,
    promised: [],
    madeAtMs: 49_000,
    expiresAtMs: 59_000,
    number: 9,
  });
  state.frameworkEvents.put('x', {
    framework,
    event: { kind: 'agentUnreachable', eventId: 5, agentId },
  });
  state.cards.put(key, card);
  return state;
}
