// Tests that what is answered to Mesos's operators, and told to its subscribers, are messages of Mesos in both encodings.
import {
  aFramework,
  anAgentId,
  eventsOf,
  type ScriptedCluster,
} from '@parley/cluster/scripted-cluster';
import { decode, encode } from '@parley/mesos-api/codec';
import type { MasterEvent, MasterResponse } from '@parley/mesos-api/message-types';
import { assert } from '@parley/protocol/unreachable';
import { expect, test } from 'vitest';
import { aBusyCluster, modelOf, olga } from '../read-model/scripted-model.ts';
import { answerTo } from './operator-answers.ts';
import { OperatorEvents } from './operator-events.ts';

const cluster = aBusyCluster();
const window = { windowId: 'w', agents: ['a1'], durationMs: 3_600_000 };
cluster.call(olga, {
  verb: 'operatorMaintenance',
  body: {
    change: 'schedule',
    window: { ...window, startWallTimeMs: 1_700_000_000_000 + cluster.nowMs + 1000 },
  },
});
const asked = {
  model: modelOf(cluster.state),
  config: { usersFile: undefined },
  nowWallMs: 1_700_000_009_000,
  loggingLevel: 0,
};

test.each([
  ['GET_HEALTH', { healthy: true }],
  ['GET_VERSION', { version_info: { version: '1.11.0' } }],
  ['GET_FLAGS', { flags: expect.arrayContaining([{ name: 'cluster', value: 'test' }]) }],
  ['GET_METRICS', { metrics: expect.arrayContaining([{ name: 'master/cpus_total', value: 12 }]) }],
  ['GET_LOGGING_LEVEL', { level: 0 }],
  ['GET_STATE', { get_agents: { agents: [{}, {}] }, get_tasks: { tasks: [{}] } }],
  ['GET_AGENTS', { agents: [{ agent_info: { id: { value: 'a1' } } }, { deactivated: true }] }],
  ['GET_FRAMEWORKS', { frameworks: [{ framework_info: { id: { value: 'alice.f1' } } }] }],
  ['GET_EXECUTORS', {}],
  ['GET_OPERATIONS', {}],
  [
    'GET_TASKS',
    {
      tasks: [{ task_id: { value: 't1' }, state: 'TASK_RUNNING' }],
      completed_tasks: [{ task_id: { value: 't0' }, state: 'TASK_FAILED' }],
    },
  ],
  ['GET_ROLES', { roles: expect.arrayContaining([expect.objectContaining({ name: 'eng' })]) }],
  ['GET_WEIGHTS', { weight_infos: [{ role: 'eng', weight: 2 }] }],
  ['GET_MASTER', { master_info: { hostname: '127.0.0.1', port: 5050, ip: 16_777_343 } }],
  ['GET_QUOTA', { status: { configs: [{ role: 'eng', limits: { cpus: { value: 6 } } }] } }],
  [
    'GET_MAINTENANCE_STATUS',
    { status: { draining_machines: [{ id: { hostname: 'a1.example' } }] } },
  ],
  [
    'GET_MAINTENANCE_SCHEDULE',
    { schedule: { windows: [{ machine_ids: [{ hostname: 'a1.example' }] }] } },
  ],
])('%s is answered, the same in JSON and in protobuf', (type, body) => {
  const answer = answerTo(type, asked) as MasterResponse | undefined;
  assert(answer !== undefined, 'it is answered');
  const [json, protobuf] = (['json', 'protobuf'] as const).map((encoding) =>
    decode('master.Response', encoding, encode('master.Response', encoding, answer)),
  );
  expect(protobuf).toMatchObject({ ok: true, value: { type, [type.toLowerCase()]: body } });
  // Defaults are written out in JSON only.
  expect(json).toMatchObject({ ok: true, value: { type, [type.toLowerCase()]: body } });
});

test.each(['TEARDOWN', 'SUBSCRIBE', 'toString', 'constructor'])('%s is no question', (type) => {
  expect(answerTo(type, asked)).toBeUndefined();
});

/** What a subscriber is told of what is done with the cluster, by type, each a message of Mesos in both encodings. */
function toldOf(play: (on: ScriptedCluster) => ReturnType<ScriptedCluster['enter']>[]) {
  const on = aBusyCluster();
  const events = new OperatorEvents(modelOf(on.state));
  const wrap = on.enter.bind(on);
  const told: MasterEvent[] = [];
  on.enter = (...inputs) => {
    const effects = wrap(...inputs);
    for (const event of eventsOf(effects)) {
      told.push(...(events.of(modelOf(on.state), event, 1000) as MasterEvent[]));
    }
    return effects;
  };
  play(on);
  for (const event of told) {
    for (const encoding of ['json', 'protobuf'] as const) {
      const back = decode('master.Event', encoding, encode('master.Event', encoding, event));
      expect(back).toMatchObject({ ok: true, value: { type: event.type } });
    }
  }
  return told;
}
const typesOf = (told: readonly MasterEvent[]) => told.map(({ type }) => type);

test('a subscriber sees a task come and go', () => {
  const told = toldOf((on) => {
    const inEng = { role: 'eng' };
    const some = { scalars: { cpus: 500, mem: 16_000 } };
    const task = on.launch(aFramework(), 't2', some, anAgentId(), inEng);
    return [on.update(task, 'running'), on.update(task, 'finished')];
  });
  expect(typesOf(told)).toStrictEqual(['TASK_ADDED', 'TASK_UPDATED', 'TASK_UPDATED']);
  expect(told[0]?.task_added?.task).toMatchObject({
    task_id: { value: 't2' },
    state: 'TASK_STAGING',
  });
  expect(told[1]?.task_updated).toMatchObject({
    framework_id: { value: 'alice.f1' },
    status: { state: 'TASK_RUNNING', task_id: { value: 't2' } },
    state: 'TASK_RUNNING',
  });
  expect(told[2]?.task_updated).toMatchObject({ state: 'TASK_FINISHED' });
});

test('frameworks and agents come and go, each told once', () => {
  const told = toldOf((on) => [
    on.subscribe(aFramework('f2'), { roles: ['eng'] }),
    on.subscribe(aFramework('f2'), { roles: ['eng'] }),
    on.register(anAgentId('a4')),
    on.register(anAgentId('a4')),
    on.agentSilent(2, anAgentId('a4')),
    on.call(olga, { verb: 'operatorAgent', body: { agentId: 'a4', change: 'gone' } }),
    on.call(olga, {
      verb: 'operatorTeardown',
      body: { framework: { principal: 'alice', frameworkId: 'f2' } },
    }),
  ]);
  expect(typesOf(told)).toStrictEqual([
    'FRAMEWORK_ADDED',
    'FRAMEWORK_UPDATED',
    'AGENT_ADDED',
    'AGENT_REMOVED',
    'FRAMEWORK_REMOVED',
  ]);
});
