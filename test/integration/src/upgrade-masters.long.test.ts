// Owns the proof that masters are upgraded one after the other without anybody noticing: from a build of the release before,
// with its protocol version and its rules, to this one, while the other services stay what they are.
import { clusterCore } from '@parley/cluster/cluster-core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type Books,
  ClusterFixture,
  type ServiceId,
  TEST_TIMEOUT_MS,
  until,
  type WatchedProcess,
} from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { LEADS, STANDS_BY } from './ha-fixture.ts';
import { longestPause } from './longest-pause.ts';
import { copyOlderRelease, type OlderRelease } from './older-release.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const OLD_RULES = clusterCore.oldestRulesVersion;
const NEW_RULES = clusterCore.rulesVersion;
let older: OlderRelease;
let fixture: ClusterFixture;
const framework = new QueueFramework();

beforeEach(async () => {
  older = copyOlderRelease();
  fixture = new ClusterFixture();
  await fixture.startServer();
  await fixture.provision();
});

afterEach(async () => {
  await framework.close();
  await fixture.close();
  older.remove();
});

const old = (id: ServiceId): WatchedProcess => fixture.serviceOf(older.services, id);
const untilRules = (books: Books, rules: number): Promise<void> =>
  until(
    () => books.replica.rulesVersion === rules,
    () => `rules version ${rules}; it is ${books.replica.rulesVersion}`,
  );

test('masters are upgraded one after the other: no call is lost, the rules rise when the last old one is gone, and none comes back', async () => {
  await old('master-1').start().says(LEADS);
  await old('master-2').start().says(STANDS_BY);
  for (const id of ['allocator-1', 'a1', 'a2'] as const) old(id).start();
  for (const id of ['a1', 'a2'] as const) await old(id).says('"msg":"registered"');
  await framework.connect(fixture, 'alice', 'steady');
  const raises: unknown[] = [];
  const books = await fixture.follow((event) => {
    if (event.type === 'rulesRaised') raises.push(event);
  });
  expect(books.replica.rulesVersion).toBe(OLD_RULES);
  const tasks = Array.from({ length: 60 }, (_, index) => fixture.task(`t-${index}`));
  fixture.open();
  framework.add(tasks);

  let calls = 0;
  const call = async (): Promise<boolean> => {
    calls += 1;
    return (await framework.scheduler.updateFramework({ name: `steady-${calls}` })).ok;
  };
  const pause = await longestPause(call, async () => {
    // First who stands by, then who leads: the new one leads under the old rules.
    await old('master-2').end('SIGTERM');
    await fixture.service('master-2').start().says(STANDS_BY);
    await old('master-1').end('SIGTERM');
    await fixture.service('master-2').says(LEADS);
    await fixture.service('master-1').start().says(STANDS_BY);
    await untilRules(books, NEW_RULES);
  });
  process.stdout.write(`no call answered for ${Math.round(pause.longestMs)} ms\n`);
  expect(pause.failed).toBe(0);
  expect(raises).toEqual([{ type: 'rulesRaised', before: OLD_RULES, after: NEW_RULES }]);
  expect(books.replica.state.rulesVersion).toBe(NEW_RULES);

  // Everybody but the masters is of the release before, and work goes on.
  const later = Array.from({ length: 10 }, (_, index) => fixture.task(`later-${index}`));
  framework.add(later);
  const all = [...tasks, ...later];
  await framework.untilEnded(all);
  expect(framework.ends.filter(({ state }) => state !== 'finished')).toEqual([]);
  expect(framework.ends).toHaveLength(all.length);
  expect(all.filter(({ taskId }) => fixture.runs(taskId) !== 1)).toEqual([]);

  // There is no way back: who does not know the rules says what to start, and ends.
  await fixture.service('master-1').end('SIGTERM');
  const standing = old('master-1').count(STANDS_BY);
  await old('master-1').start().says(`Start a release that knows version ${NEW_RULES}`);
  await until(
    () => !old('master-1').isRunning,
    () => 'the old master ends',
  );
  expect(old('master-1').count(STANDS_BY)).toBe(standing);
  expect(fixture.service('master-2').count('ALARM')).toBe(0);
  expect(fixture.service('master-2').count('term is over')).toBe(0);
});

test('an old master that crashed holds the rules back, and comes back and leads again', async () => {
  await old('master-1').start().says(LEADS);
  await fixture.service('master-2').start().says(STANDS_BY);
  const books = await fixture.follow();
  await old('master-1').end('SIGKILL');
  await fixture.service('master-2').says(LEADS);
  await old('master-1').start().says(STANDS_BY, old('master-1').count(STANDS_BY));
  await fixture.service('master-2').end('SIGTERM');
  await old('master-1').says(LEADS, 1);
  expect(books.replica.rulesVersion).toBe(OLD_RULES);
  expect(old('master-1').count('ALARM')).toBe(0);
});
