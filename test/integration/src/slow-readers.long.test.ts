// Owns the proof that a leader which does not read, and is dropped by its NATS server for that, is followed and has no effect,
// that a scheduler is told afterwards what it missed, and that a server which keeps as little as it may for its clients
// (max_pending) costs time and nothing else.
import { renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { TEST_TIMEOUT_MS, until, WatchedProcess } from './cluster-fixture.ts';
import { LEADS, STANDS_BY } from './ha-fixture.ts';
import {
  floodUntilDropped,
  hasKeptTooLittle,
  saysWhyAndComesBack,
  startBrief,
  startKeepingLittle,
  stopsReading,
} from './slow-readers.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const FRAMEWORK = fileURLToPath(new URL('./cluster-framework-process.ts', import.meta.url));
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test('a leader that does not read is followed, and stands by once it reads again', async () => {
  const scene = await startBrief(cleanups);
  const { fixture, framework } = scene.ha;
  const [first, second] = [fixture.service('master-1'), fixture.service('master-2')];
  const tasks = scene.ha.tasks('gate', 60);
  fixture.open('gate');
  framework.add(tasks);
  await scene.ha.untilSomeEnded(tasks, 10);
  const standing = first.count(STANDS_BY);
  first.signal('SIGSTOP');
  await floodUntilDropped(fixture.server, scene.flooder, 'master master-1');
  await second.says(LEADS);
  first.signal('SIGCONT');
  await saysWhyAndComesBack(first);
  await first.says(STANDS_BY, standing);
  await scene.ha.expectEachOnce(tasks);
  expect([first.count(LEADS), second.count(LEADS)]).toEqual([1, 1]);
});

test('a scheduler that does not read is dropped, says why, and is told every end of its tasks once', async () => {
  const scene = await startBrief(cleanups);
  const { fixture } = scene.ha;
  const credential = fixture.credential('principal', 'bob');
  const scheduler = new WatchedProcess('scheduler', [FRAMEWORK]);
  cleanups.push(() => scheduler.close());
  await scheduler.start(credential, 'slow', '8', 'handle').says('launched true');
  const running = () => scheduler.output.match(/^update p\d running$/gm)?.length === 8;
  await until(running, () => scheduler.output);
  scheduler.signal('SIGSTOP');
  // Its tasks end now, and it does not hear of it.
  renameSync(credential, `${credential}.away`);
  await floodUntilDropped(fixture.server, scene.flooder, 'principal bob');
  scheduler.signal('SIGCONT');
  await scheduler.says('held up by itself for');
  const ends = () => scheduler.output.match(/^update p\d finished$/gm) ?? [];
  await until(
    () => new Set(ends()).size === 8,
    () => scheduler.output,
  );
  expect(ends()).toHaveLength(8);
});

test('a server that keeps a MiB for a client drops agent and leader in a burst: each says why and comes back, and every task runs once', async () => {
  const scene = await startKeepingLittle(cleanups);
  const { fixture, framework } = scene.ha;
  const [leader, agent] = [fixture.service('master-1'), fixture.service('a1')];
  const tasks = scene.ha.tasks('gate', 60);
  fixture.open('gate');
  framework.add(tasks);
  await scene.ha.untilSomeEnded(tasks, 10);
  for (const [victim, client] of [
    [agent, 'agent a1'],
    [leader, 'master master-1'],
  ] as const) {
    await stopsReading(scene, victim, client);
    expect(hasKeptTooLittle(fixture.server, client)).toBe(true);
    await saysWhyAndComesBack(victim);
    expect(victim.line('"why":"slowRead"')['msg']).toContain('max_pending');
  }
  await scene.ha.expectEachOnce(tasks);
});
