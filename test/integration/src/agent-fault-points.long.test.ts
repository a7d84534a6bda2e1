// That an agent may die at any moment: by kill -9 before each thing that it does for a task, a group or an executor's tasks, one
// life after the other, from the order to the last word about the end. A point of each phase: agent-fault-points.test.ts.
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { WAIT_MS } from './agent-fixture.ts';
import { EXECUTOR, FaultStage, GROUP, SINGLE_TASK } from './fault-lives.ts';

vi.setConfig({ testTimeout: 20 * WAIT_MS, hookTimeout: WAIT_MS });

let stage: FaultStage;

beforeAll(async () => {
  stage = await FaultStage.open();
});
afterEach(async () => {
  if (stage.agent.pid !== 0) await stage.agent.end('SIGKILL');
});
afterAll(() => stage?.close());

function expectAmong(points: readonly string[], expected: readonly RegExp[]): void {
  for (const what of expected) {
    expect(points, points.join('\n')).toContainEqual(expect.stringMatching(what));
  }
}

const LAUNCHERS = [
  ['auto', 'f', /^send (the shim its go|systemd a call) /],
  ['systemd-run', 's', /^chown into .*stdout /],
] as const;

test.each(LAUNCHERS)(
  'with --launcher %s an agent that dies by kill -9 before whatever it does for a task runs it once and tells its end once',
  async (launcher, prefix, ofThis) => {
    expectAmong(await stage.liveThrough(SINGLE_TASK, prefix, launcher), [
      /^writeFile tasks\/alice.fw.TASK.task.partial/,
      /^rename .*\.task\.partial/,
      /^send the answer to the order/,
      /^writeFile into parley-.*\/(launch|environment)\./,
      ofThis,
      /^readFile .*\/exit /,
      /^send .*a status update/,
    ]);
  },
);

// Whichever the launcher, it gets one task after the other, as above.
test('an agent that dies by kill -9 before whatever it does for a group runs each task of it once and tells each end once', async () => {
  expectAmong(await stage.liveThrough(GROUP, 'g', 'auto'), [
    ...['a', 'b'].flatMap((one) => [
      new RegExp(`^writeFile tasks/alice.fw.TASK-${one}.task.partial`),
      new RegExp(`^writeFile members/TASK-${one} `),
      new RegExp(`^writeFile into parley-.*TASK-${one}.*/launch\\.`),
      new RegExp(`^readFile parley-.*TASK-${one}.*/exit `),
    ]),
    /^send the answer to the order/,
    /^send .*a status update/,
  ]);
});

test('an agent that dies by kill -9 before whatever it does for an executor and its tasks has each task run once and tells each end once', async () => {
  expectAmong(await stage.liveThrough(EXECUTOR, 'x', 'auto'), [
    /^writeFile tasks\/alice.fw.TASK-a.task.partial/,
    /^writeFile tasks\/alice.fw.TASK-b.task.partial/,
    /^rename .*TASK\.executor/,
    /^send the answer to the order/,
    /^writeFile into parley-executor.*\/launch\./,
    /^send the executor launch/,
    /^send the executor acknowledged/,
    /^send .*a status update/,
  ]);
});
