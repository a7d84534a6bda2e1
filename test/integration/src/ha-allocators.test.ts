// Owns the proof that of two allocators the one that stands by takes over when the leading one is killed.
import { WATCH_TIMING } from '@parley/actor/leader-watch';
import { afterEach, expect, test, vi } from 'vitest';
import { ClusterFixture, TEST_TIMEOUT_MS } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { nextLine, printTime } from './ha-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const BEGAN = '"msg":"term began"';
const PROPOSES = 'knows what the master knows: proposes';
const SILENT = 'the leading allocator is silent: its lease is taken';
let fixture: ClusterFixture;
let framework: QueueFramework;

afterEach(async () => {
  await framework?.close();
  await fixture?.close();
});

test('an allocator that is killed, or told to end, is followed by the other one, and offers go on', async () => {
  fixture = new ClusterFixture();
  await fixture.start();
  let [leader, other] = [fixture.service('allocator-1'), fixture.service('allocator-2')];
  await other.start().says('"msg":"started"');
  framework = await new QueueFramework().connect(fixture, 'alice', 'steady');
  const tasks = ['one', 'two', 'three', 'four'].map((name) => fixture.task(name));
  fixture.open();
  await leader.says(PROPOSES);
  for (const [index, signal] of (['SIGKILL', 'SIGKILL', 'SIGTERM'] as const).entries()) {
    framework.add(tasks.slice(index, index + 1));
    await framework.untilEnded(tasks.slice(0, index + 1));
    const [began, proposes] = [other.count(BEGAN), other.count(PROPOSES)];
    const suspected = other.count(SILENT);
    const toldMs = Date.now();
    const ending = leader.end(signal);
    const term = await nextLine(other, BEGAN, began);
    const able = await nextLine(other, PROPOSES, proposes);
    printTime(`${signal} until the other allocator leads`, toldMs, term.timeMs);
    printTime(`${signal} until it proposes`, toldMs, able.timeMs);
    await ending;
    // Of a killed one it has not waited for the end of the lease, nor as long as for one that hangs; the silence counts only
    // while it looked on, whatever the machine does besides. One that ends says so.
    expect(other.count(SILENT) - suspected).toBe(signal === 'SIGKILL' ? 1 : 0);
    if (signal === 'SIGKILL') {
      expect(other.line(SILENT)['silentMs']).toBeLessThan(WATCH_TIMING.hungMs);
    }
    const started = leader.count('"msg":"started"');
    await leader.start().says('"msg":"started"', started);
    [leader, other] = [other, leader];
  }
  framework.add(tasks.slice(3));
  await framework.untilEnded(tasks);
  expect(tasks.map(({ taskId }) => fixture.runs(taskId))).toEqual([1, 1, 1, 1]);
});
