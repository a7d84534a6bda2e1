// Tests what the changing calls of Mesos's operator interface ask of the leader, and what is refused before; and that the
// leader's core takes what is asked.
import { answerOf } from '@parley/cluster/scripted-cluster';
import { assert } from '@parley/protocol/unreachable';
import { expect, test } from 'vitest';
import { aBusyCluster, olga } from '../read-model/scripted-model.ts';
import type { LeaderCall } from './leader-calls.ts';
import { changesOf } from './operator-changes.ts';

const cluster = aBusyCluster();
const agent = { agent_id: { value: 'a1' } };

function callsOf(type: string, body: unknown, { state } = cluster): LeaderCall[] {
  const calls = changesOf(state, type, { type, [type.toLowerCase()]: body });
  assert(calls.ok, calls.ok ? '' : calls.failure.message);
  return calls.value;
}

function refusalOf(type: string, body: unknown): string {
  const calls = changesOf(cluster.state, type, { type, [type.toLowerCase()]: body });
  assert(!calls.ok, 'it is refused');
  return `${calls.failure.code}: ${calls.failure.message}`;
}

/** By the core, as the leader would. */
function carriedOut(calls: readonly LeaderCall[], on = aBusyCluster()) {
  const verbs = {
    agent: 'operatorAgent',
    teardown: 'operatorTeardown',
    sharing: 'operatorSharing',
    operate: 'operatorOperate',
    maintenance: 'operatorMaintenance',
  } as const;
  for (const { verb, body } of calls) {
    const call = { verb: verbs[verb], body } as Parameters<typeof on.call>[1];
    expect(answerOf(on.call(olga, call))).toMatchObject({ ok: true });
  }
  return on;
}

test.each([
  [
    'TEARDOWN',
    { framework_id: { value: 'alice.f1' } },
    'teardown',
    {
      framework: { principal: 'alice', frameworkId: 'f1' },
    },
  ],
  ['MARK_AGENT_GONE', agent, 'agent', { agentId: 'a1', change: 'gone' }],
  ['DEACTIVATE_AGENT', agent, 'agent', { agentId: 'a1', change: 'deactivate' }],
  ['REACTIVATE_AGENT', agent, 'agent', { agentId: 'a1', change: 'reactivate' }],
  [
    'DRAIN_AGENT',
    { ...agent, max_grace_period: { seconds: 5, nanos: 500_000_000 }, mark_gone: true },
    'agent',
    { agentId: 'a1', change: 'drain', emptying: { graceMs: 5500, marksGone: true } },
  ],
  [
    'UPDATE_WEIGHTS',
    { weight_infos: [{ role: 'eng', weight: 2.5 }] },
    'sharing',
    {
      changes: [{ kind: 'role', role: 'eng', weight: 2500 }],
    },
  ],
  [
    'UPDATE_QUOTA',
    { force: true, quota_configs: [{ role: 'eng', limits: { cpus: { value: 4.5 } } }] },
    'sharing',
    { force: true, changes: [{ role: 'eng', guarantee: null, limit: { cpus: 4500 } }] },
  ],
  [
    'SET_QUOTA',
    {
      quota_request: {
        role: 'ops',
        guarantee: [{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 } }],
      },
    },
    'sharing',
    { changes: [{ role: 'ops', guarantee: { cpus: 1000 }, limit: { cpus: 1000 } }] },
  ],
  [
    'REMOVE_QUOTA',
    { role: 'eng' },
    'sharing',
    {
      changes: [{ role: 'eng', guarantee: null, limit: null }],
    },
  ],
] as const)('%s is one call, which the leader takes', (type, body, verb, expected) => {
  const calls = callsOf(type, body);
  expect(calls).toMatchObject([{ verb, body: expected }]);
  carriedOut(calls);
});

const reserved = (name: string, value: number, labels?: object) => ({
  name,
  type: 'SCALAR',
  scalar: { value },
  reservations: [{ type: 'DYNAMIC', role: 'eng', ...(labels && { labels }) }],
});
/** As the pages tell the reservation `x`, which no tool of Mesos has made. */
const WHY = {
  labels: [
    { key: 'why', value: 'test' },
    { key: 'parley.reservation', value: 'x' },
  ],
};

test('resources of one role and of the same labels are reserved together, under one name', () => {
  const resources = [reserved('cpus', 1), reserved('mem', 64), reserved('cpus', 0.5, WHY)];
  const calls = callsOf('RESERVE_RESOURCES', { ...agent, resources });
  expect(calls).toMatchObject([
    {
      verb: 'operate',
      body: {
        role: 'eng',
        operation: { kind: 'reserve', resources: { scalars: { cpus: 1000, mem: 64_000 } } },
      },
    },
    { verb: 'operate', body: { role: 'eng', operation: { reservationId: 'x' } } },
  ]);
  const after = carriedOut(calls);
  const back = callsOf(
    'UNRESERVE_RESOURCES',
    { ...agent, resources: resources.slice(0, 2) },
    after,
  );
  expect(after.state.reservations.size).toBe(2);
  carriedOut(back, after);
  expect([...after.state.reservations.rows()].map((one) => one.reservationId)).toStrictEqual(['x']);
});

test('the old form of a reservation is understood', () => {
  const old = { name: 'cpus', type: 'SCALAR', scalar: { value: 1 }, role: 'eng', reservation: {} };
  const late = reserved('cpus', 1);
  expect(callsOf('RESERVE_RESOURCES', { ...agent, resources: [old] })).toStrictEqual(
    callsOf('RESERVE_RESOURCES', { ...agent, resources: [late] }),
  );
});

test('a volume is made of the reservation with its labels, and destroyed by its id', () => {
  const disk = { persistence: { id: 'data.1' }, volume: { container_path: 'd', mode: 'RW' } };
  const volumes = [{ ...reserved('disk', 20, WHY), disk }];
  const made = callsOf('CREATE_VOLUMES', { ...agent, volumes });
  expect(made).toMatchObject([
    { body: { operation: { kind: 'createVolume', reservationId: 'x', mib: 20 } } },
  ]);
  const after = carriedOut(made);
  const gone = carriedOut(callsOf('DESTROY_VOLUMES', { ...agent, volumes }, after), after);
  expect([...gone.state.reservations.rows()][0]?.volumes).toMatchObject([{ volumeId: 'v' }]);
});

const NOW_MS = 1_700_000_000_000 + cluster.nowMs;
const aWindow = (hostname: string, startMs: number) => ({
  machine_ids: [{ hostname }],
  unavailability: {
    start: { nanoseconds: startMs * 1_000_000 },
    duration: { nanoseconds: 3_600_000_000_000 },
  },
});
const scheduleOf = (...windows: object[]) => ({ schedule: { windows } });

test('a schedule replaces the one before: what is new is planned, what is missing is cancelled', () => {
  const one = aWindow('a1.example', NOW_MS + 7_200_000);
  const other = aWindow('a2.example', NOW_MS + 9_200_000);
  const on = carriedOut(callsOf('UPDATE_MAINTENANCE_SCHEDULE', scheduleOf(one)));
  expect([...on.state.maintenance.rows()]).toMatchObject([{ agents: ['a1'] }]);
  expect(callsOf('UPDATE_MAINTENANCE_SCHEDULE', scheduleOf(one), on)).toStrictEqual([]);
  const next = callsOf('UPDATE_MAINTENANCE_SCHEDULE', scheduleOf(other), on);
  expect(next.map(({ body }) => 'change' in body && body.change)).toStrictEqual([
    'cancel',
    'schedule',
  ]);
  carriedOut(next, on);
  expect([...on.state.maintenance.rows()]).toMatchObject([{ agents: ['a2'] }]);
});

test('machines go down and up with their window', () => {
  const window = aWindow('a1.example', NOW_MS + 7_200_000);
  const machines = { machines: [{ hostname: 'a1.example' }] };
  const on = carriedOut(callsOf('UPDATE_MAINTENANCE_SCHEDULE', scheduleOf(window)));
  carriedOut(callsOf('START_MAINTENANCE', machines, on), on);
  expect([...on.state.maintenance.rows()]).toMatchObject([{ state: 'underWay' }]);
  expect(
    changesOf(on.state, 'UPDATE_MAINTENANCE_SCHEDULE', {
      update_maintenance_schedule: scheduleOf(),
    }),
  ).toMatchObject({ ok: false });
  carriedOut(callsOf('STOP_MAINTENANCE', machines, on), on);
  expect(on.state.maintenance.size).toBe(0);
});

test.each([
  ['TEARDOWN', undefined, "malformed: Expecting 'teardown' to be present"],
  ['TEARDOWN', { framework_id: { value: 'x' } }, 'No framework has such an id'],
  ['DRAIN_AGENT', {}, 'drain_agent.agent_id'],
  ['DRAIN_AGENT', { agent_id: { value: 'a b' } }, 'drain_agent.agent_id.value'],
  ['UPDATE_WEIGHTS', { weight_infos: [] }, 'update_weights.weight_infos'],
  ['UPDATE_WEIGHTS', { weight_infos: [{ role: 'eng', weight: -1 }] }, 'weight'],
  ['UPDATE_QUOTA', { quota_configs: [{ role: '../x' }] }, 'role'],
  ['RESERVE_RESOURCES', { ...agent, resources: [] }, 'No resources are named'],
  [
    'RESERVE_RESOURCES',
    { ...agent, resources: [{ name: 'cpus', scalar: { value: 1 } }] },
    'other than "*"',
  ],
  ['UNRESERVE_RESOURCES', { ...agent, resources: [{ ...reserved('x', 1), name: 'A' }] }, "'A'"],
  ['CREATE_VOLUMES', { ...agent, volumes: [reserved('disk', 1, WHY)] }, 'disk.persistence.id'],
  ['START_MAINTENANCE', { machines: [{ hostname: 'nobody' }] }, "Machine 'nobody' has no agent"],
  ['START_MAINTENANCE', { machines: [{ hostname: 'a1.example' }] }, 'in no window'],
  [
    'SET_QUOTA',
    { quota_request: { role: 'eng', guarantee: [{ name: '__proto__', scalar: { value: 1 } }] } },
    'no resource is named __proto__',
  ],
  [
    'UPDATE_QUOTA',
    { quota_configs: [{ role: 'eng', limits: JSON.parse('{"__proto__": {"value": 1}}') }] },
    'no resource is named __proto__',
  ],
  ['FLY', {}, 'unknownVerb'],
  ['toString', {}, 'unknownVerb'],
])('%s with %j is refused in a sentence', (type, body, sentence) => {
  expect(refusalOf(type, body)).toContain(sentence);
});
