// Tests the versions of the rules in the state: where they stand, what a raise does, and that a state of version 4 shows
// no trace of there being others.
import { expect, test } from 'vitest';
import { clusterCore } from './cluster-core.ts';
import { Input } from './inputs.ts';
import {
  aFramework,
  anAgentId,
  answerOf,
  aTask,
  ScriptedCluster,
  some,
} from './scripted-cluster.ts';

test('new books have the rules of their first entry, and nothing is told of a raise', () => {
  const cluster = new ScriptedCluster();
  const effects = cluster.startTerm();
  expect(cluster.state.rulesVersion).toBe(clusterCore.rulesVersion);
  expect(effects).not.toContainEqual(
    expect.objectContaining({ event: expect.objectContaining({ type: 'rulesRaised' }) }),
  );
});

test('a state of version 4 holds nothing that says so: its hash is what it was before there were others', () => {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = 4;
  cluster.startTerm();
  expect(cluster.state.rulesVersion).toBe(4);
  expect(cluster.state.record).not.toHaveProperty('rulesVersion');
});

test('a raise holds from the beginning of its entry, is told, and outlives a snapshot', () => {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = 4;
  cluster.startTerm();
  cluster.rulesVersion = 5;
  expect(cluster.pass(1)).toContainEqual({
    kind: 'event',
    event: { type: 'rulesRaised', before: 4, after: 5 },
  });
  expect(cluster.pass(1)).toEqual([]);
  const items = clusterCore.snapshot(cluster.state).next(10_000);
  const restored = clusterCore.restore(items);
  expect([restored.rulesVersion, clusterCore.hash(restored)]).toEqual([
    5,
    clusterCore.hash(cluster.state),
  ]);
});

/** What the books answer to an agent that they do not know, with a running task that they do not know. */
function answerToUnknown(rulesVersion: number) {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = rulesVersion;
  cluster.startTerm();
  const { taskId } = aTask('t1');
  const task = { task: { ...aFramework(), taskId }, state: 'running', lastSequence: 1 } as const;
  const body = { hostname: 'h', total: some(4), attributes: {}, tasks: [task] };
  const caller = { kind: 'agent', agentId: anAgentId() } as const;
  const answer = answerOf(
    cluster.call(caller, { verb: 'register', body: { ...body, tellsTasks: true } }),
  );
  return { answer, task: task.task, agent: cluster.state.agents.get(anAgentId()) };
}

test('an agent that the books do not know is asked for its tasks since version 5, and told to kill them before', () => {
  const before = answerToUnknown(4);
  expect(before.answer).toMatchObject({ ok: true, value: { unknownTasks: [before.task] } });
  expect(before.answer).not.toHaveProperty('value.wantsTasks');
  expect(before.agent).not.toHaveProperty('isRecovering');
  const since = answerToUnknown(5);
  expect(since.answer).toMatchObject({ ok: true, value: { unknownTasks: [], wantsTasks: true } });
  expect(since.agent).toMatchObject({ isRecovering: true });
});

test('a resource that counts in no share is no part of how far a framework has come since version 5, and is one before', () => {
  const gpu = { scalars: { cpus: 1000, mem: 1000, gpus: 1000 } };
  const hasRampedUp = (rulesVersion: number): boolean => {
    const cluster = new ScriptedCluster();
    cluster.rulesVersion = rulesVersion;
    cluster.startTerm();
    cluster.register(anAgentId(), { scalars: { cpus: 100_000, mem: 100_000, gpus: 1000 } });
    cluster.subscribe(aFramework());
    cluster.subscribe(aFramework('f2'));
    cluster.launch(aFramework(), 't1', gpu);
    return cluster.framework(aFramework())?.rampUpMs !== undefined;
  };
  expect([hasRampedUp(4), hasRampedUp(5)]).toEqual([true, false]);
});

test('how many agents are given up a second, and what is in no share, stand in the books since version 5', () => {
  const settingsUnder = (rulesVersion: number) => {
    const cluster = new ScriptedCluster();
    cluster.rulesVersion = rulesVersion;
    cluster.startTerm({ agentRemovalsPerSecond: 7, uncounted: ['fpgas'], offerTimeoutMs: 1234 });
    return cluster.state.record.settings;
  };
  const before = settingsUnder(4);
  expect(before.offerTimeoutMs).toBe(1234);
  expect(Object.keys(before)).not.toContain('agentRemovalsPerSecond');
  expect(Object.keys(before)).not.toContain('uncounted');
  const settings = { agentRemovalsPerSecond: 7, uncounted: ['fpgas'], offerTimeoutMs: 1234 };
  expect(settingsUnder(5)).toMatchObject(settings);
});

test('an offer made before a raise can be accepted after it', () => {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = 4;
  cluster.startTerm();
  cluster.register(anAgentId(), some(10));
  cluster.subscribe(aFramework());
  const offer = cluster.offer(aFramework(), some(1));
  cluster.rulesVersion = 5;
  cluster.pass(1);
  expect(answerOf(cluster.accept(aFramework(), [offer], [aTask('t1')]))).toMatchObject({
    ok: true,
  });
});

test.each([
  [6, 100_000, true],
  [6, 250_000, false],
  [5, 100_000, false],
])('under version %i, a cluster of %i agents takes another one: %s', (version, agents, takes) => {
  const cluster = new ScriptedCluster();
  cluster.rulesVersion = version;
  cluster.startTerm();
  cluster.register(anAgentId('a0'));
  const { state } = cluster;
  const record = state.agents.get('a0');
  if (record === undefined) throw new Error('it is registered');
  for (let index = 1; index < agents; index += 1) {
    const agentId = anAgentId(`a${index}`);
    state.agents.put(agentId, { ...record, agentId });
  }
  const call = {
    verb: 'register' as const,
    body: { hostname: 'h', attributes: {}, tasks: [], total: some(4) },
  };
  const input = cluster.callInput({ kind: 'agent', agentId: anAgentId('another') }, call);
  const times = { sequence: 3, coreTimeMs: 0, wallTimeMs: 0 };
  const context = { ...times, epoch: cluster.epoch, rulesVersion: version };
  // Not as an entry of the script: its books do not know the others.
  clusterCore.step(state, context, Input.parse(input));
  expect(state.agents.has('another')).toBe(takes);
});
