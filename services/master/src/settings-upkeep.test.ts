// Tests that what is kept beside the books and gets lost while a leader leads is written again, and told once.
import { clusterCore } from '@parley/cluster/cluster-core';
import { Input } from '@parley/cluster/inputs';
import { succeed } from '@parley/protocol/errors';
import { createLogger } from '@parley/telemetry/logger';
import { expect, test } from 'vitest';
import type { PartContent, SettingsStore } from './settings-store.ts';
import { SettingsUpkeep } from './settings-upkeep.ts';

const GONE = 'was removed from the bucket';
const MISSING = 'is not there';

/** A bucket in memory. Like the one on the bus, a store writes what it has not written already. */
class Bucket {
  createdMs = 1;
  writes = 0;
  isThere = true;
  readonly parts = new Map<number, PartContent>();

  open(): SettingsStore {
    const known = new Set<number>();
    return {
      readAll: async () => succeed({ items: [], newest: undefined }),
      write: async (content) => {
        if (known.has(content.part) || content.items.length === 0) return succeed(undefined);
        known.add(content.part);
        this.writes += 1;
        this.parts.set(content.part, content);
        return succeed(undefined);
      },
      look: async () => {
        const { createdMs, writes: lastSequence } = this;
        const found = { createdMs, parts: this.parts.size, lastSequence };
        return succeed(this.isThere ? found : undefined);
      },
    };
  }

  makeAnew(): void {
    this.parts.clear();
    this.createdMs += 1;
    this.writes = 0;
  }
}

/** A leader with some agents in its books, which are kept. */
async function leading() {
  const state = clusterCore.create();
  const epoch = { bucketCreatedMs: 1, revision: 1 };
  const times = { coreTimeMs: 1, wallTimeMs: 1 };
  const context = { sequence: 1, epoch, rulesVersion: clusterCore.rulesVersion, ...times };
  const enter = (input: unknown) => clusterCore.step(state, context, Input.parse(input));
  clusterCore.begin(state, context);
  enter({ kind: 'termStarted', epoch, masterId: 'm', settings: {} });
  for (let counter = 1; counter <= 20; counter += 1) {
    const total = { scalars: { cpus: 1000 } };
    const call = { verb: 'register', body: { hostname: 'h', total, attributes: {}, tasks: [] } };
    const caller = { kind: 'agent', agentId: `a${counter}` };
    const request = { session: 's', counter, lowest: 1 };
    enter({ kind: 'call', caller, request, call });
  }
  clusterCore.finish(state, context);
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ service: 'master', actorId: 'm1', destination });
  const bucket = new Bucket();
  const upkeep = new SettingsUpkeep(() => bucket.open(), logger, state);
  let nowMs = 0;
  /** Everything that is due, then a look. */
  const work = async (): Promise<string[]> => {
    nowMs += 2000;
    for (let round = 0; round < 20; round += 1) await upkeep.write(state, 1, nowMs);
    await upkeep.look();
    return [...bucket.parts.values()].flatMap(({ items }) => items.map(({ key }) => key)).sort();
  };
  const told = (text: string) => lines.filter((line) => line.includes(text)).length;
  const all = await work();
  expect(all).toHaveLength(20);
  return { bucket, work, told, all, lines };
}

test.each([
  ['made anew', 'it was made anew', (bucket: Bucket) => bucket.makeAnew()],
  [
    'put back from a copy',
    'from an older copy',
    (bucket: Bucket) => {
      bucket.writes -= 1;
    },
  ],
  ['emptied', 'it holds 0 parts', (bucket: Bucket) => bucket.parts.clear()],
  [
    'robbed of one part',
    'parts, and held',
    ({ parts }: Bucket) => void parts.delete([...parts.keys()][0] ?? -1),
  ],
])('a bucket that is %s is written whole again, and that is told once', async (_, why, lose) => {
  const { bucket, work, told, all } = await leading();
  lose(bucket);
  await work();
  expect([told(GONE), told(why)]).toEqual([1, 1]);
  expect(await work()).toEqual(all);
  await work();
  expect(told(GONE)).toBe(1);
});

test('a bucket that is missing is told once, and written whole when it is there again', async () => {
  const { bucket, work, told, all } = await leading();
  bucket.isThere = false;
  await work();
  await work();
  expect(told(MISSING)).toBe(1);
  bucket.makeAnew();
  bucket.isThere = true;
  await work();
  expect(await work()).toEqual(all);
  expect([told(MISSING), told(GONE), told('there again')]).toEqual([1, 0, 1]);
});

test('a bucket that nobody touches is written once and nothing is told', async () => {
  const { bucket, work, lines, all } = await leading();
  const { writes } = bucket;
  expect(await work()).toEqual(all);
  expect([bucket.writes, lines]).toEqual([writes, []]);
});

test('all that is kept is compared every ten minutes, and nothing is told where it is as it was', async () => {
  const { bucket, work, lines } = await leading();
  const { writes } = bucket;
  // A bucket in memory compares nothing: whoever looks at it anew writes it.
  for (let look = 1; look < 299; look += 1) await work();
  expect(bucket.writes).toBe(writes);
  await work();
  await work();
  expect([bucket.writes, lines]).toEqual([2 * writes, []]);
});
