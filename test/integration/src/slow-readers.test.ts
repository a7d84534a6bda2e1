// Owns the proof that whoever does not read, and is dropped by its NATS server for that, says so and comes back: nothing that
// was acknowledged is lost, nothing runs twice. Each is really stopped, and really flooded meanwhile.

import { PrincipalName } from '@parley/protocol/ids';
import { MasterList } from '@parley/protocol/leadership';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { NatsConnection } from 'nats';
import { afterEach, expect, test, vi } from 'vitest';
import { ask } from './cluster-caller.ts';
import { cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { LEADS, nextLine } from './ha-fixture.ts';
import { saysWhyAndComesBack, startBrief, stopsReading } from './slow-readers.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function lagOfStandby(connection: NatsConnection): Promise<number | undefined> {
  const olga = { operator: PrincipalName.parse('olga') };
  const { subject, bytes } = encodeMessage(SUBJECTS.masterList, cluster, olga, {});
  const answer = await ask(connection, SUBJECTS.masterList, subject, bytes);
  if (!answer.ok) return undefined;
  return MasterList.parse(answer.value).masters[1]?.books?.lagEntries;
}

test('agent, allocator and standby are dropped under load: each says why, comes back, and every task runs once', async () => {
  const scene = await startBrief(cleanups);
  const { ha } = scene;
  const { fixture, framework } = ha;
  const [leader, standby] = [fixture.service('master-1'), fixture.service('master-2')];
  const tasks = ha.tasks('gate', 120);
  fixture.open('gate');
  framework.add(tasks);
  const victims = [
    [fixture.service('a1'), 'agent a1'],
    [fixture.service('allocator-1'), 'allocator allocator-1'],
    [standby, 'master master-2'],
  ] as const;
  for (const [index, [victim, client]] of victims.entries()) {
    await ha.untilSomeEnded(tasks, 10 + 20 * index);
    await stopsReading(scene, victim, client);
    await saysWhyAndComesBack(victim);
  }
  await ha.expectEachOnce(tasks);
  const olga = await fixture.connect('operator', 'olga');
  await until(
    async () => (await lagOfStandby(olga)) === 0,
    () => `the standby keeps up: ${standby.output.slice(-2000)}`,
  );
  // What the standby holds is what the leader held: it leads with it.
  await leader.end('SIGKILL');
  expect((await nextLine(standby, LEADS, 0))['wasHeld']).toBe(true);
  expect(standby.count('ALARM')).toBe(0);
  const again = ha.tasks('again', 10);
  fixture.open('again');
  framework.add(again);
  await ha.expectEachOnce(again);
});
