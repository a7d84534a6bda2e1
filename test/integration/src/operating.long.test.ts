// Runs the commands of the operator's page, block after block, against three nodes of NATS with TLS that are not ours and
// carry somebody else's traffic: a page that is followed in an emergency must work. Other hosts are played by this one.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { MasterList } from '@parley/protocol/leadership';
import { connect, type NatsConnection, nkeyAuthenticator, nkeys } from 'nats';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { until } from './cluster-fixture.ts';
import { type MadeNodes, makeNodes } from './nats3-fixture.ts';
import { type Shims, writeShims } from './operating-shims.ts';

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 });

const run = promisify(execFile);
const BLOCK_LIMIT_MS = 120_000;
const clone = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(path.join(clone, 'infra/docs/operating.md'), 'utf8');
const blocks = new Map(
  [...page.matchAll(/```sh ([a-z-]+)\n([\s\S]*?)```/g)].map(([, name = '', text = '']) => [
    name,
    text,
  ]),
);
const done = ['settings'];
const directory = mkdtempSync(path.join(tmpdir(), 'parley-operating-'));
const MASTERS = ['master-1', 'master-2', 'master-3'];
const names = ['n1', 'n2', 'n3'];
const neighbour = { account: 'NEIGHBOUR', user: nkeys.createUser() };
const administrator = nkeys.createUser();
const REFERENCE = `find "$1" -type f -print0 | while IFS= read -r -d '' f; do cat "$f"; echo; done |
LC_ALL=C tr -cs A-Za-z '\\n' | LC_ALL=C tr A-Z a-z | grep . | LC_ALL=C sort | uniq -c | awk '{print $2 "\\t" $1}'`;

let nats: MadeNodes;
let shims: Shims;
let isIncluded = false;
let others: NatsConnection;
let told = 0;
let timer: NodeJS.Timeout | undefined;

beforeAll(async () => {
  nats = await makeNodes({ directory, tls: true, separable: false, systemAccount: 'SYSTEM' });
  nats.setAccounts(
    () => `  SYSTEM { users: [{ nkey: ${administrator.getPublicKey()} }] }
  ${neighbour.account} { jetstream: enabled, users: [{ nkey: ${neighbour.user.getPublicKey()} }] }
  ${isIncluded ? 'include parley-prod.conf' : ''}`,
  );
  shims = writeShims(directory, clone);
  writeFileSync(path.join(directory, 'ca.pem'), nats.authority?.certificate ?? '');
  writeFileSync(path.join(directory, 'system.nk'), administrator.getSeed(), { mode: 0o600 });
  writeFileSync(
    path.join(directory, 'etc/parley/parley.env'),
    `AGENT_OPTIONS="--isolation process --cpus 4 --mem 4GiB --disk 1GiB --network-bandwidth 0 --ports 31000-31010"\n`,
  );
  await Promise.all(nats.nodes.map((node) => node.start()));
  await settleNeighbour();
});
afterAll(async () => {
  clearInterval(timer);
  for (const pid of shims?.running() ?? []) process.kill(pid, 'SIGKILL');
  await others?.close();
  await Promise.all(nats?.nodes.map((node) => node.stop()) ?? []);
  rmSync(directory, { recursive: true, force: true });
});

/** A stream, a bucket and steady messages of somebody else. */
async function settleNeighbour(): Promise<void> {
  others = await connect({
    servers: [...nats.urls],
    authenticator: nkeyAuthenticator(neighbour.user.getSeed()),
    tls: { ca: nats.authority?.certificate ?? '' },
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

/** As it would be typed: in the clone, with the page's settings and what they name on this host. */
async function typed(name: string): Promise<string> {
  done.push(name);
  // The page stands in the clone; what it makes there lies elsewhere while it is tested.
  return shell((blocks.get(name) ?? 'false').replaceAll(' .parley/', ` ${directory}/.parley/`));
}

async function shell(text: string): Promise<string> {
  const settings = {
    CLUSTER: 'prod',
    NATS: nats.urls.join(','),
    NATS_HOSTS: names.join(' '),
    NATS_CA: path.join(directory, 'ca.pem'),
    NATS_SYSTEM: path.join(directory, 'system.nk'),
    MASTERS: 'host-1 host-2 host-3',
    PRINCIPAL: 'wordcount',
  };
  const exports = [...(blocks.get('settings') ?? '').matchAll(/^export ([A-Z_]+)=/gm)];
  expect(exports.map(([, variable]) => variable)).toEqual(Object.keys(settings));
  const env = {
    ...process.env,
    ...settings,
    HOME: directory,
    PARLEY_DIRECTORY: path.join(directory, '.parley'),
    PATH: `${shims.bin}:${clone}/node_modules/.bin:${process.env['PATH']}`,
  };
  const { stdout, stderr } = await run('bash', ['-euo', 'pipefail', '-c', text], {
    cwd: clone,
    env,
    timeout: BLOCK_LIMIT_MS,
  });
  return `${stdout}${stderr}`;
}

async function expectExact(output: string): Promise<void> {
  const input = path.join(clone, 'infra/docs/decisions');
  const { stdout } = await run('bash', ['-c', REFERENCE, 'bash', input], { maxBuffer: 1 << 26 });
  expect(readFileSync(path.join(directory, output), 'utf8')).toBe(stdout);
}

/** One master leads, the two others follow it without a lag, and both allocators answer. */
async function expectAllUp(): Promise<void> {
  let seen = '';
  await until(
    async () => {
      seen = await shell('npx parley master list --json');
      const standings = MasterList.parse(JSON.parse(seen)).masters.map(
        ({ id, phase, books }) =>
          `${id} ${phase === 'leading' ? '' : `${phase} ${books?.lagEntries}`}`,
      );
      const [leader = '', ...others] = standings;
      const rest = MASTERS.filter((id) => `${id} ` !== leader);
      return rest.length === 2 && others.join() === rest.map((id) => `${id} following 0`).join();
    },
    () => `one master leads and two follow: ${seen}`,
  );
  for (const id of ['allocator-1', 'allocator-2']) {
    expect(JSON.parse(await shell(`npx parley log-level ${id} info --json`))).toEqual({
      previous: 'info',
      level: 'info',
    });
  }
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
  expect(await typed('accounts')).toContain('include parley-prod.conf');
  await typed('distribute');
  isIncluded = true;
  for (const node of nats.nodes) node.writeConfig();
  const made = await typed('init');
  expect(made).toContain('read their configuration again: n1, n2, n3');
  expect(made).toContain('PARLEY_prod_JOURNAL');

  await typed('services');
  await until(
    () =>
      ['agent-1', 'agent-2'].every((id) =>
        shims.logOf(`parley-agent@${id}`).includes('"msg":"registered"'),
      ),
    () => 'both agents are registered',
  );
  const seen = await typed('look');
  for (const name of ['led by master-', 'agent-1', 'agent-2']) expect(seen).toContain(name);
  await expectAllUp();
  await typed('work');
  await expectExact('counts.tsv');

  const before = /led by (master-\d)/.exec(seen)?.[1];
  const after = /led by (master-\d)/.exec(await typed('failover'))?.[1];
  expect(after).toMatch(/^master-\d$/);
  expect(after).not.toBe(before);
  await expectExact('again.tsv');

  await typed('agent-added');
  await until(
    () => shims.logOf('parley-agent@agent-3').includes('"msg":"registered"'),
    () => 'the new agent is registered',
  );
  expect(await typed('drain')).toContain('agent-2: drained');
  expect(await typed('maintenance')).toContain('kernel: over');
  expect(await typed('agent-removed')).toContain('agent agent-3 is shut out');
  expect(await typed('principals')).toContain('principal research is removed');
  await typed('upgrade');

  expect(await typed('uninstall')).toContain('the accounts are gone too');
  await expectNeighbourUntouched();
  expect(done.toSorted()).toEqual([...blocks.keys()].toSorted());
});
