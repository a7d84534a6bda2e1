// A sample of what agent-fault-points.long.test.ts tries in full: that an agent may die by kill -9 in each phase of what it does
// for a task, a group or an executor's tasks, between the order and the last word about the end.
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { WAIT_MS } from './agent-fixture.ts';
import { isRoot } from './each-launcher.ts';
import { EXECUTOR, FaultStage, GROUP, SINGLE_TASK, type Work } from './fault-lives.ts';

vi.setConfig({ testTimeout: 5 * WAIT_MS, hookTimeout: WAIT_MS });

let stage: FaultStage;

beforeAll(async () => {
  stage = await FaultStage.open();
});
afterEach(async () => {
  if (stage.agent.pid !== 0) await stage.agent.end('SIGKILL');
});
afterAll(() => stage?.close());

const RECORD = '^rename .*\\.task\\.partial #1';
const ANSWER = '^send the answer to the order';
/** Of the launcher that asks the system's systemd itself: agents of other users than root have only the other one. */
const GO = isRoot ? ['^send the shim its go'] : [];
const EXIT = '^readFile .*/exit ';
const UPDATE = '^send a status update #2';

const SAMPLES: readonly (readonly [what: string, prefix: string, work: Work, points: string[]])[] =
  [
    ['a task', 't', SINGLE_TASK, [RECORD, ANSWER, ...GO, EXIT, UPDATE]],
    ['a group', 'g', GROUP, [RECORD, ...GO, UPDATE]],
    ['an executor', 'x', EXECUTOR, ['^rename .*TASK\\.executor', '^send the executor launch']],
  ];

test.each(SAMPLES)(
  'an agent that dies by kill -9 in a phase of what it does for %s has run each task once, and told its end once, when it is back',
  async (_, prefix, work, points) => {
    const ids = points.map((_point, index) => `${prefix}${index + 1}`);
    const start = stage.agent.output.length;
    for (const [index, point] of points.entries()) {
      const id = ids[index] ?? '';
      await stage.start(id, 'auto', { PARLEY_FAULT_AT: point });
      const before = ids[index - 1];
      if (before !== undefined) await stage.orderAgain(work, before);
      expect(await stage.diesAt(work, id), point).toBe(true);
    }
    const last = ids.at(-1) ?? '';
    await stage.start(last, 'auto', { PARLEY_FAULT_AT: '^$' });
    await stage.orderAgain(work, last);
    const died = stage.pointsSince(start);
    expect(died).toEqual(points.map((point) => expect.stringMatching(point)));
    await stage.expectOnce(work, ids);
  },
);
