// Owns the proof that a leader cannot tell an emulated agent from a real one: the same conversation with either, message
// for message, led by the test. What tasks do meanwhile is what differs: one sleeps, the other is not run.
import type { RegisterRequest } from '@parley/protocol/agents';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AgentUnderTest, agentId, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

vi.setConfig({ testTimeout: 2 * WAIT_MS, hookTimeout: 2 * WAIT_MS });

const OK = { ok: true, value: {} };
const FOREVER = 'sleep 3600';

describe.each(['process', 'emulated'] as const)('to a leader an agent (%s)', (how) => {
  let bus: BusFixture;
  let leader: PlayedLeader;
  let agent: AgentUnderTest;

  beforeAll(async () => {
    bus = await startBus('reference');
    await bus.server.addMembers([{ kind: 'emulator', id: 'many' }], []);
    leader = await PlayedLeader.lead(bus);
    agent = new AgentUnderTest(bus, how).start();
  });
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
  });

  const statesOf = async (taskId: string): Promise<StatusUpdate['state'][]> =>
    (await leader.history(taskId)).map(({ state }) => state).filter((one) => one !== 'starting');

  const tasksIn = ({ tasks }: RegisterRequest): string[] => tasks.map(({ task }) => task.taskId);

  test('registers with what it has, and runs nothing', async () => {
    expect(await leader.registered()).toMatchObject({
      total: {
        scalars: { cpus: 2000, mem: 1_024_000, disk: 1_024_000 },
        ports: [[31_000, 31_010]],
      },
      tasks: [],
      executors: [],
    });
  });

  test('runs a task that it is ordered to run, once however often, and tells of its end', async () => {
    const order = aShellTask('short', 'sleep 0.3');
    expect(await leader.order(order)).toEqual(OK);
    expect(await leader.order(order)).toEqual(OK);
    expect(await leader.ended('short')).toMatchObject({
      task: { taskId: 'short' },
      state: 'finished',
      reason: 'commandExited',
      exitCode: 0,
    });
    expect(await statesOf('short')).toEqual(['running', 'finished']);
    expect(await leader.order(order)).toEqual(OK);
    expect(await statesOf('short')).toEqual(['running', 'finished']);
  });

  test('kills a task on an order, and tells both', async () => {
    expect(await leader.order(aShellTask('long', FOREVER))).toEqual(OK);
    await leader.untilState('long', 'running');
    expect(await leader.kill('long', 5000)).toEqual(OK);
    expect(await leader.ended('long')).toMatchObject({
      state: 'killed',
      reason: 'killedByFramework',
    });
    expect(await statesOf('long')).toEqual(['running', 'killing', 'killed']);
  });

  test('does not launch what was killed before it was ordered', async () => {
    expect(await leader.kill('early', 0)).toEqual(OK);
    expect(await leader.order(aShellTask('early', FOREVER))).toEqual(OK);
    expect(await leader.ended('early')).toMatchObject({ state: 'killed' });
    expect(await statesOf('early')).toEqual(['killed']);
  });

  test('runs the tasks of a group together', async () => {
    const group = [aShellTask('one', 'sleep 0.2'), aShellTask('two', 'sleep 0.2')];
    expect(await leader.orderGroup(group)).toEqual(OK);
    expect(await leader.ended('one')).toMatchObject({ state: 'finished', executorId: 'pod' });
    expect(await leader.ended('two')).toMatchObject({ state: 'finished', executorId: 'pod' });
  });

  test('says what is wrong with a message, and goes on', async () => {
    expect(await leader.orderBytes(new Uint8Array([1, 2, 3]))).toMatchObject({
      ok: false,
      failure: { code: 'malformed' },
    });
    expect(await leader.destroyVolume('none')).toEqual(OK);
  });

  test('tells a leader of a later term what it runs, forgets what is journalled, and obeys the earlier one no more', async () => {
    expect(await leader.order(aShellTask('stays', FOREVER))).toEqual(OK);
    await leader.untilState('stays', 'running');
    const { epoch } = leader;
    leader.beginsTerm();
    // A request from its beginning may have been repeated, and tells of nothing yet.
    await expect
      .poll(() => leader.registrations.slice(-1).flatMap(tasksIn), { timeout: WAIT_MS })
      .toEqual(expect.arrayContaining(['short', 'stays']));
    expect(await leader.order(aShellTask('late', FOREVER), epoch)).toMatchObject({
      ok: false,
      failure: { code: 'staleEpoch' },
    });
    // An update is covered only by a watermark of the stream that its sender knew: the first one tells which that is.
    await expect
      .poll(
        async () => {
          await leader.watermark();
          leader.beginsTerm();
          return tasksIn(await leader.registered());
        },
        { timeout: WAIT_MS, interval: 500 },
      )
      .toEqual(['stays']);
    expect(await leader.history('late')).toEqual([]);
  });

  test('ends its tasks when it was declared gone', async () => {
    leader.declaresGone = true;
    leader.beginsTerm();
    expect(await leader.ended('stays')).toMatchObject({
      state: 'killed',
      reason: 'agentGoneByOperator',
      source: 'agent',
      agentId,
    });
  });
});
