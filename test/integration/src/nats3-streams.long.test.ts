// Tests three nats-servers as our streams are kept on them: what the loss of one costs the journal, before anybody of ours
// works with it. What it costs a whole cluster of ours is tested next door.
import { readMessage, readStanding, store } from '@parley/actor/nats/jetstream-requests';
import { ClusterName } from '@parley/protocol/ids';
import { journalStreamName, journalSubject } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { succeeded, TEST_TIMEOUT_MS, until } from './actor-fixture.ts';
import { longestPause } from './longest-pause.ts';
import { type Nats3, startNats3 } from './nats3-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const cluster = ClusterName.parse('three');
const stream = journalStreamName(cluster);
let nats: Nats3;
let books: NatsConnection;
const acknowledged: number[] = [];

beforeAll(async () => {
  const actors = [{ kind: 'master', id: 'master-1' }] as const;
  nats = await startNats3({ cluster, actors, separable: true });
});
afterAll(() => nats?.close());

const READS_IN_FLIGHT = 32;

async function write(): Promise<boolean> {
  const stored = await store(books, journalSubject(cluster), Buffer.from('entry'));
  if (stored.kind === 'stored') acknowledged.push(stored.sequence);
  return stored.kind === 'stored';
}

/** The nodes may still be agreeing on who answers. */
async function lastSequence(connection: NatsConnection): Promise<number> {
  let last: number | undefined;
  await until(async () => {
    const standing = await readStanding(connection, stream);
    last = standing.ok ? standing.value.lastSequence : undefined;
    return standing.ok;
  });
  return last ?? 0;
}

/** A write that was not answered may have been stored all the same; one that was answered must have been. */
async function expectAllKept(): Promise<void> {
  await nats.untilWhole();
  expect(await lastSequence(books)).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0);
  for (let start = 0; start < acknowledged.length; start += READS_IN_FLIGHT) {
    const some = acknowledged.slice(start, start + READS_IN_FLIGHT);
    const read = await Promise.all(some.map((seq) => readMessage(books, stream, { seq })));
    const kept = read.map((one) => Buffer.from(succeeded(one)?.bytes ?? []).toString());
    expect(some.filter((_, index) => kept[index] !== 'entry')).toEqual([]);
  }
  expect(new Set(acknowledged).size).toBe(acknowledged.length);
}

test('the node that leads the journal is killed and its disk wiped: writes go on after an election, and it gets all back', async () => {
  await nats.untilWhole();
  const leader = await nats.leaderOf();
  const others = nats.nodes.filter((node) => node !== leader);
  books = await nats.connect('master', 'master-1', 'books', others);
  const pause = await longestPause(write, () => leader.kill());
  expect(pause.failed).toBeGreaterThan(0);
  process.stdout.write(`no writes for ${Math.round(pause.longestMs)} ms\n`);
  leader.wipe();
  await leader.start();
  await expectAllKept();
  // What stands on the wiped node is enough to go on with one of the others.
  await (await nats.leaderOf()).kill();
  await longestPause(write, () => undefined);
  await Promise.all(nats.nodes.filter((node) => !node.isRunning).map((node) => node.start()));
  await expectAllKept();
});

test('a minority that is cut off takes no write, and has none of its own when it is back', async () => {
  const leader = await nats.leaderOf();
  const rest = nats.nodes.filter((node) => node !== leader);
  const alone = await nats.connect('master', 'master-1', 'books', [leader]);
  books = await nats.connect('master', 'master-1', 'books', rest);
  const pause = await longestPause(write, () => nats.separate([leader.name]));
  process.stdout.write(`no writes for ${Math.round(pause.longestMs)} ms\n`);
  const before = await lastSequence(books);
  const stored = await store(alone, journalSubject(cluster), Buffer.from('of the minority'));
  expect(stored.kind).toBe('unknown');
  await nats.reunite();
  await expectAllKept();
  expect(await lastSequence(alone)).toBe(before);
});
