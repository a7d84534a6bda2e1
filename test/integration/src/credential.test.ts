// Tests who may be on the bus, changed while it runs: `parley credential` on a NATS that others run, where somebody has to
// reload it, and on the embedded server.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { locateNatsServer } from '@parley/setup/nats-server';
import { connect, type NatsConnection, nkeyAuthenticator, nkeys } from 'nats';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { succeeded, TEST_TIMEOUT_MS, until } from './actor-fixture.ts';
import { freePorts } from './nats3-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const main = new URL('../../../services/cli/src/main.ts', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'parley-credential-'));
const env = { ...process.env, PARLEY_DIRECTORY: directory };
const credentials = join(directory, 'init', 'prod', 'credentials');
const systemCreds = join(directory, 'system.nk');
const system = ['--system-creds', systemCreds];
const neighbour = nkeys.createUser();
const connections: NatsConnection[] = [];
let server: ChildProcess;

const parley = (...words: readonly string[]) =>
  promisify(execFile)(process.execPath, [main, ...words], { env });

/** The servers' own configuration is somebody else's; only the include is asked for. */
beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  const administrator = nkeys.createUser();
  writeFileSync(systemCreds, new TextDecoder().decode(administrator.getSeed()), { mode: 0o600 });
  const words = ['--cluster', 'prod', '--nats', `nats://127.0.0.1:${port}`, '--agents', 'a1'];
  mkdirSync(join(directory, 'store'));
  await expect(parley('init', ...words)).rejects.toMatchObject({ code: 5 });
  writeFileSync(
    join(directory, 'nats.conf'),
    `listen: "127.0.0.1:${port}"
jetstream { store_dir: "${join(directory, 'store')}", max_file_store: 1TB }
system_account: SYSTEM
accounts {
  SYSTEM { users: [{ nkey: ${administrator.getPublicKey()} }] }
  NEIGHBOUR { jetstream: enabled, users: [{ nkey: ${neighbour.getPublicKey()} }] }
  include "init/prod/parley-prod.conf"
}
`,
  );
  const { path } = await locateNatsServer();
  server = spawn(path, ['-c', join(directory, 'nats.conf'), '-l', join(directory, 'log')]);
  await until(() => readLog().includes('Server is ready'));
  await parley('init', ...words);
});
afterAll(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  if (server?.exitCode === null) {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
  rmSync(directory, { recursive: true, force: true });
});

function readLog(): string {
  try {
    return readFileSync(join(directory, 'log'), 'utf8');
  } catch {
    // Not written yet.
    return '';
  }
}

const fileOf = (kind: string, id: string): string => join(credentials, `${kind}-${id}.json`);

async function connectAs(kind: string, id: string): Promise<NatsConnection> {
  const identity = succeeded(readCredentialFile(fileOf(kind, id)));
  const connection = succeeded(await openConnection(identity));
  connections.push(connection);
  return connection;
}

test('without a system credential it says what to do, and waits until the server has been reloaded by hand', async () => {
  const command = spawn(process.execPath, [main, 'credential', 'create', 'agent', 'a2'], { env });
  let said = '';
  command.stderr.on('data', (text) => {
    said += String(text);
  });
  await until(() => said.includes('waiting for'));
  expect(said).toContain(join(directory, 'init', 'prod', 'parley-prod.conf'));
  expect(said).toContain('--signal reload');
  expect(command.exitCode).toBeNull();
  server.kill('SIGHUP');
  const [code] = await once(command, 'exit');
  expect(code).toBe(0);
  await connectAs('agent', 'a2');
});

test('it gives up after the time that it was given, and says which server still does not know', async () => {
  const failed = await parley('credential', 'create', 'agent', 'a3', '--wait', '1s').catch(
    (error) => error,
  );
  expect(failed.code).toBe(6);
  expect(failed.stderr).toMatch(/do not know agent a3: nats:\S+ \(refused\)/);
});

/** The stated connection stays all the while; the other is closed when its credential is revoked. */
async function revokeWhileConnected(kind: string, id: string): Promise<void> {
  const staying = await connectAs('agent', 'a1');
  let drops = 0;
  void (async () => {
    for await (const { type } of staying.status()) if (type === 'disconnect') drops += 1;
  })();
  const identity = succeeded(readCredentialFile(fileOf(kind, id)));
  const shut = await connectAs(kind, id);
  const { stdout } = await parley('credential', 'revoke', kind, id, ...system);
  expect(stdout).toContain('is shut out');
  await shut.closed();
  expect(await openConnection(identity)).toMatchObject({
    ok: false,
    failure: { code: 'notPermitted' },
  });
  await staying.flush();
  expect(drops).toBe(0);
}

test('a revoked agent is disconnected and refused, everybody else stays, and a new one gets another key', async () => {
  await parley('credential', 'create', 'agent', 'one', ...system);
  const first = readFileSync(fileOf('agent', 'one'), 'utf8');
  await revokeWhileConnected('agent', 'one');
  await expect(parley('credential', 'revoke', 'agent', 'one', ...system)).rejects.toMatchObject({
    code: 3,
  });
  await parley('credential', 'create', 'agent', 'one', ...system);
  expect(readFileSync(fileOf('agent', 'one'), 'utf8')).not.toBe(first);
  await connectAs('agent', 'one');
});

test('operators too are made and revoked', async () => {
  await parley('credential', 'create', 'operator', 'olga', ...system);
  await revokeWhileConnected('operator', 'olga');
  const list = JSON.parse((await parley('credential', 'list', '--json')).stdout);
  const kept = list.map(({ kind, id }: { kind: string; id: string }) => `${kind} ${id}`);
  expect(kept).toContain('operator operator');
  expect(kept).not.toContain('operator olga');
});

test('a credential to emulate agents is made only when somebody asks for one by name', async () => {
  const kinds = async (): Promise<string[]> => {
    const { stdout } = await parley('credential', 'list', '--json');
    return JSON.parse(stdout).map(({ kind }: { kind: string }) => kind);
  };
  expect(await kinds()).not.toContain('emulator');
  expect(readdirSync(credentials).filter((file) => file.startsWith('emulator'))).toEqual([]);
  await parley('credential', 'create', 'emulator', 'many', ...system);
  expect(await kinds()).toContain('emulator');
  await revokeWhileConnected('emulator', 'many');
  expect(await kinds()).not.toContain('emulator');
});

test('the operator whose credential the commands use cannot be revoked with it', async () => {
  await expect(parley('credential', 'revoke', 'operator', 'operator')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('use themselves'),
  });
});

test('principals are added and removed by the same way, with their streams', async () => {
  await parley('principal', 'add', 'carol', '--roles', 'web,batch', ...system);
  const { stdout } = await parley('principal', 'list', '--json');
  expect(JSON.parse(stdout)).toContainEqual(
    expect.objectContaining({ name: 'carol', roles: ['web', 'batch'] }),
  );
  const own = succeeded(readCredentialFile(fileOf('principal', 'carol')));
  const connection = succeeded(await openConnection(own, 'work'));
  connections.push(connection);
  const stream = await connection.request('$JS.API.STREAM.INFO.PARLEY_prod_UPDATES_carol');
  expect(stream.json()).toMatchObject({ config: { num_replicas: 1 } });
  await parley('principal', 'remove', 'carol', ...system);
  await connection.closed();
  expect(await openConnection(own)).toMatchObject({ failure: { code: 'notPermitted' } });
});

test('uninstall asks first, then takes away streams, accounts and credentials, and leaves what others keep', async () => {
  const others = await connect({
    servers: succeeded(readCredentialFile(fileOf('agent', 'a1'))).servers.slice(),
    authenticator: nkeyAuthenticator(neighbour.getSeed()),
  });
  connections.push(others);
  const manager = await jetstreamManager(others);
  // Named like one of ours, in an account of their own.
  await manager.streams.add({ name: 'PARLEY_prod_JOURNAL', subjects: ['theirs'] });
  await others.request('theirs', 'kept');
  const asked = await parley('uninstall', '--context', 'prod').catch((error) => error);
  expect(asked.code).toBe(4);
  expect(asked.stderr).toContain('stream PARLEY_prod_JOURNAL (account books)');
  const provisioner = succeeded(readCredentialFile(fileOf('provisioner', 'provisioner')));
  const books = succeeded(await openConnection(provisioner, 'books'));
  connections.push(books);
  const before = await books.request('$JS.API.STREAM.NAMES');
  expect(before.json()).toMatchObject({ streams: expect.arrayContaining(['PARLEY_prod_JOURNAL']) });
  const { stdout } = await parley('uninstall', '--context', 'prod', '--yes', '--json');
  expect(JSON.parse(stdout).removed).toContain('PARLEY_prod_JOURNAL');
  await books.closed();
  expect(existsSync(credentials)).toBe(false);
  expect((await manager.streams.info('PARLEY_prod_JOURNAL')).state.messages).toBe(1);
  await expect(parley('status', '--context', 'prod')).rejects.toMatchObject({ code: 3 });
});
