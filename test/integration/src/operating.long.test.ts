// Runs the commands of the operator's page, block after block, against three nodes of NATS with TLS that are not ours and
// carry somebody else's traffic: a page that is followed in an emergency must work. Other hosts are played by this one.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { connect, type NatsConnection, nkeyAuthenticator, nkeys } from 'nats';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { until } from './cluster-fixture.ts';
import { blocks, clone, OperatingPage } from './operating-page.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 });

const run = promisify(execFile);
const neighbour = { account: 'NEIGHBOUR', user: nkeys.createUser() };
/** What follows a loss of everything, which neighbours would not like: run by backup-restore.long.test.ts. */
const ELSEWHERE = ['backup', 'restore'];
const REFERENCE = `find "$1" -type f -print0 | while IFS= read -r -d '' f; do cat "$f"; echo; done |
LC_ALL=C tr -cs A-Za-z '\\n' | LC_ALL=C tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c | awk '{print $2 "\\t" $1}'`;

let page: OperatingPage;
let others: NatsConnection;
let told = 0;
let timer: NodeJS.Timeout | undefined;

beforeAll(async () => {
  page = await OperatingPage.open(
    `${neighbour.account} { jetstream: enabled, users: [{ nkey: ${neighbour.user.getPublicKey()} }] }`,
  );
  await settleNeighbour();
});
afterAll(async () => {
  clearInterval(timer);
  await others?.close();
  await page?.close();
});

/** A stream, a bucket and steady messages of somebody else. */
async function settleNeighbour(): Promise<void> {
  others = await connect({
    servers: [...page.nats.urls],
    authenticator: nkeyAuthenticator(neighbour.user.getSeed()),
    tls: { ca: page.nats.authority?.certificate ?? '' },
    maxReconnectAttempts: -1,
  });
  const manager = await jetstreamManager(others, { checkAPI: false });
  const stream = { name: 'PARLEY_prod_JOURNAL', subjects: ['theirs.>'], num_replicas: 3 };
  await until(
    () =>
      manager.streams.add(stream).then(
        () => true,
        () => false,
      ),
    () => 'a stream of somebody else',
  );
  const bucket = await new Kvm(others).create('parley_prod_leases', { replicas: 3 });
  await bucket.put('key', 'value');
  const publisher = jetstream(others);
  const publish = async (): Promise<void> => {
    await publisher.publish('theirs.message', String(told + 1));
    told += 1;
  };
  await publish();
  timer = setInterval(() => void publish().catch(() => undefined), 100);
}

async function expectExact(output: string): Promise<void> {
  const input = path.join(clone, 'infra/docs/decisions');
  const { stdout } = await run('bash', ['-c', REFERENCE, 'bash', input], { maxBuffer: 1 << 26 });
  expect(readFileSync(path.join(page.directory, output), 'utf8')).toBe(stdout);
}

/** That the messages, numbered without a gap, and the bucket are as they were written. */
async function expectNeighbourUntouched(): Promise<void> {
  clearInterval(timer);
  await others.flush();
  const manager = await jetstreamManager(others);
  const { state } = await manager.streams.info('PARLEY_prod_JOURNAL');
  expect(state.first_seq).toBe(1);
  expect(state.messages).toBe(state.last_seq);
  expect(state.messages).toBeGreaterThanOrEqual(told);
  const last = await manager.streams.getMessage('PARLEY_prod_JOURNAL', { seq: 1 });
  expect(last?.string()).toBe('1');
  const bucket = await new Kvm(others).open('parley_prod_leases');
  expect((await bucket.get('key'))?.string()).toBe('value');
  expect(await streamsOf(manager)).toEqual(['KV_parley_prod_leases', 'PARLEY_prod_JOURNAL']);
}

async function streamsOf(manager: Awaited<ReturnType<typeof jetstreamManager>>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of manager.streams.names()) found.push(name);
  return found.toSorted();
}

test('the page from beginning to end: the cluster works, survives its leader, and leaves what is not its own as it was', async () => {
  const made = await page.install();
  expect(made).toContain('read their configuration again: n1, n2, n3');
  expect(made).toContain('PARLEY_prod_JOURNAL');
  const seen = await page.typed('look');
  for (const name of ['led by master-', 'agent-1', 'agent-2']) expect(seen).toContain(name);
  await page.expectAllUp();
  await page.typed('work');
  await expectExact('counts.tsv');

  const before = /led by (master-\d)/.exec(seen)?.[1];
  const after = /led by (master-\d)/.exec(await page.typed('failover'))?.[1];
  expect(after).toMatch(/^master-\d$/);
  expect(after).not.toBe(before);
  await expectExact('again.tsv');

  await page.typed('agent-added');
  await page.untilRegistered('agent-3');
  expect(await page.typed('drain')).toContain('agent-2: drained');
  expect(await page.typed('maintenance')).toContain('kernel: over');
  expect(await page.typed('agent-removed')).toContain('agent agent-3 is shut out');
  expect(await page.typed('principals')).toContain('principal research is removed');
  await page.typed('upgrade');

  expect(await page.typed('uninstall')).toContain('the accounts are gone too');
  await expectNeighbourUntouched();
  expect([...page.done, ...ELSEWHERE].toSorted()).toEqual([...blocks.keys()].toSorted());
});
