import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { principalsBucketName, workBucketName } from '@parley/protocol/streams';
import { locateNatsServer } from '@parley/setup/nats-server';
import { SetupFailure } from '@parley/setup/setup-failure';
import { connect, nkeyAuthenticator } from 'nats';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readCredentialFile, withConnection } from './account-connection.ts';
import type { PrincipalMember } from './members.ts';
import {
  findRunning,
  type NatsServer,
  type NatsServerOptions,
  startNatsServer,
} from './nats-server.ts';
import { addPrincipal, removePrincipal } from './principals.ts';
import { freePort } from './server-process.ts';

const cluster = ClusterName.parse('c1');
const member = (name: string): PrincipalMember => ({
  name: PrincipalName.parse(name),
  roles: [RoleName.parse('*')],
});
const AccountDetail = z.object({
  account_detail: z.object({
    account_name: z.string(),
    // Requests of other accounts that await an answer, or another one.
    responses: z.record(z.string(), z.unknown()).optional(),
  }),
});
const noStream = () => Promise.resolve();

const directories: string[] = [];
const servers: NatsServer[] = [];
const listeners: Server[] = [];

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'parley-nats-'));
  directories.push(directory);
  return directory;
}

async function start(options: Partial<NatsServerOptions> = {}): Promise<NatsServer> {
  const server = await startNatsServer({
    directory: options.directory ?? newDirectory(),
    cluster,
    actors: [{ kind: 'agent', id: 'a1' }],
    principals: [member('alice')],
    ...options,
  });
  servers.push(server);
  return server;
}

async function failureOf(started: Promise<unknown>): Promise<SetupFailure> {
  const error = await started.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof SetupFailure) return error;
  throw new Error(`expected a SetupFailure, got ${String(error)}`);
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  for (const listener of listeners.splice(0)) listener.close();
  for (const directory of directories.splice(0))
    rmSync(directory, { recursive: true, force: true });
});

describe.each(['reference', 'compatibility'] as const)('a server of the %s tier', (tier) => {
  let binary: string;
  beforeAll(async () => {
    binary = (await locateNatsServer({ tier })).path;
  });

  it('keeps port, credentials and data from one start to the next', async () => {
    const first = await start({ binary });
    const file = first.credentialFile('agent', 'a1');
    const before = readFileSync(file, 'utf8');
    const provisioner = readCredentialFile(first.credentialFile('provisioner', 'provisioner'));
    const seed = provisioner.seeds.books ?? '';
    await withConnection(provisioner, seed, async (connection) => {
      const manager = await jetstreamManager(connection);
      await manager.streams.add({ name: 'KEPT', subjects: ['kept'] });
    });
    await first.stop();
    expect(await findRunning(first.directory)).toBeUndefined();

    const second = await start({ binary, directory: first.directory });
    expect(second.port).toBe(first.port);
    expect(second.pid).not.toBe(first.pid);
    expect(readFileSync(file, 'utf8')).toBe(before);
    await withConnection(provisioner, seed, async (connection) => {
      const manager = await jetstreamManager(connection);
      expect((await manager.streams.info('KEPT')).config.name).toBe('KEPT');
    });
  });

  it('takes a new principal and drops a removed one while all others stay connected', async () => {
    const actors = [
      { kind: 'agent', id: 'a1' },
      { kind: 'master', id: 'master-1' },
    ] as const;
    const server = await start({ binary, actors });
    const agent = readCredentialFile(server.credentialFile('agent', 'a1'));
    const staying = await connect({
      servers: agent.servers,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(agent.seeds.control)),
      inboxPrefix: '_INBOX.agent.a1',
      reconnect: false,
    });
    const orders = staying.subscribe('parley.c1.agent.a1.run');

    const provisioner = readCredentialFile(server.credentialFile('provisioner', 'provisioner'));
    await withConnection(provisioner, provisioner.seeds.books ?? '', (connection) =>
      new Kvm(connection).create(principalsBucketName(cluster)),
    );
    await addPrincipal(server, member('bob'), noStream);
    const bob = readCredentialFile(server.credentialFile('principal', 'bob'));
    const leaving = await connect({
      servers: bob.servers,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(bob.seeds.control)),
      inboxPrefix: '_INBOX.principal.bob',
      reconnect: false,
    });
    const record = await readRecord(server, 'bob');
    expect(JSON.parse(record ?? '')).toEqual({ roles: ['*'] });
    const bucket = `OBJ_${workBucketName(cluster, PrincipalName.parse('bob'))}`;
    await withConnection(bob, bob.seeds.work ?? '', async (connection) => {
      const manager = await jetstreamManager(connection, { checkAPI: false });
      expect((await manager.streams.info(bucket)).config.max_bytes).toBeGreaterThan(0);
    });

    await removePrincipal(server, PrincipalName.parse('bob'));
    await leaving.closed();
    expect(existsSync(server.credentialFile('principal', 'bob'))).toBe(false);
    expect(await readRecord(server, 'bob')).toBeUndefined();
    await expect(withConnection(bob, bob.seeds.control, noStream)).rejects.toThrow(
      /authorization/i,
    );

    const master = readCredentialFile(server.credentialFile('master', 'master-1'));
    await withConnection(master, master.seeds.control, async (connection) => {
      connection.publish('parley.c1.agent.a1.run', 'an order');
      await connection.flush();
    });
    for await (const order of orders) {
      expect(order.string()).toBe('an order');
      break;
    }
    await staying.close();
  });

  it('drops a revoked agent, and gives one of the same name another key later', async () => {
    const agent = { kind: 'agent', id: 'a1' } as const;
    const server = await start({ binary });
    const file = server.credentialFile(agent.kind, agent.id);
    const credential = readCredentialFile(file);
    const leaving = await connect({
      servers: credential.servers,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(credential.seeds.control)),
      inboxPrefix: '_INBOX.agent.a1',
      reconnect: false,
    });
    await server.removeMember(agent);
    await leaving.closed();
    expect(existsSync(file)).toBe(false);
    const refused = withConnection(credential, credential.seeds.control, noStream);
    await expect(refused).rejects.toThrow(/authorization/i);
    await server.addMembers([agent], []);
    const again = readCredentialFile(file);
    expect(again.seeds.control).not.toBe(credential.seeds.control);
    await withConnection(again, again.seeds.control, noStream);
  });

  it('forgets an update of an agent with its answer', async () => {
    const monitorPort = await freePort();
    const server = await start({ binary, tuning: { monitorPort } });
    const provisioner = readCredentialFile(server.credentialFile('provisioner', 'provisioner'));
    await withConnection(provisioner, provisioner.seeds.books ?? '', (connection) =>
      new Kvm(connection).create(principalsBucketName(cluster)),
    );
    await addPrincipal(server, member('bob'), async (connection) => {
      const subjects = ['parley.c1.updates.*.bob.*.*'];
      await (await jetstreamManager(connection)).streams.add({ name: 'UPDATES', subjects });
    });
    const agent = readCredentialFile(server.credentialFile('agent', 'a1'));
    await withConnection(agent, agent.seeds.control, async (connection) => {
      for (let task = 1; task <= 5; task += 1) {
        const answer = await connection.request(
          `parley.c1.updates.a1.bob.f1.t${task}`,
          'an update',
        );
        expect(answer.json()).toMatchObject({ stream: 'UPDATES', seq: task });
      }
    });
    const asked = await fetch(`http://127.0.0.1:${monitorPort}/accountz?acc=principal_bob`);
    const { account_detail: account } = AccountDetail.parse(await asked.json());
    expect(account).toEqual({ account_name: 'principal_bob' });
  });

  it('reports its end with the end of its log and starts again on the same port', async () => {
    const first = await start({ binary });
    const ended = new Promise<SetupFailure>((resolve) => first.onEnd(resolve));
    process.kill(first.pid, 'SIGKILL');
    const failure = await ended;
    expect(failure.what).toContain(`pid ${first.pid}`);
    expect(failure.why).toContain('Server is ready');
    const second = await start({ binary, directory: first.directory, port: first.port });
    expect(second.url).toBe(first.url);
  });
});

async function readRecord(server: NatsServer, name: string): Promise<string | undefined> {
  const credential = readCredentialFile(server.credentialFile('provisioner', 'provisioner'));
  return withConnection(credential, credential.seeds.books ?? '', async (connection) => {
    const register = await new Kvm(connection).open(principalsBucketName(cluster));
    const entry = await register.get(name);
    return entry === null || entry.operation !== 'PUT' ? undefined : entry.string();
  });
}

it('a start in a directory whose server runs uses that one and adds the members', async () => {
  const first = await start();
  const second = await start({
    directory: first.directory,
    actors: [{ kind: 'agent', id: 'a2' }],
    principals: [member('bob')],
  });
  expect(second.pid).toBe(first.pid);
  const { actors, principals } = second.members();
  expect(actors.map(({ id }) => id)).toEqual(['a1', 'a2']);
  expect(principals.map(({ name }) => name)).toEqual(['alice', 'bob']);
  const added = readCredentialFile(second.credentialFile('agent', 'a2'));
  await withConnection(added, added.seeds.control, noStream);
});

it('credentials are readable by their owner only, whatever they were before', async () => {
  const first = await start();
  const file = first.credentialFile('agent', 'a1');
  await first.stop();
  chmodSync(file, 0o644);
  await start({ directory: first.directory });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700);
});

it('a remembered port that another process took is replaced, in the credentials too', async () => {
  const first = await start();
  await first.stop();
  await listenOn(first.port);
  const second = await start({ directory: first.directory });
  expect(second.port).not.toBe(first.port);
  const { servers: named } = readCredentialFile(second.credentialFile('agent', 'a1'));
  expect(named).toEqual([second.url]);
});

it('a port that was asked for and is taken ends the start with cause and remedy', async () => {
  const port = await freePort();
  await listenOn(port);
  const failure = await failureOf(start({ port }));
  expect(failure.what).toContain(`port ${port}`);
  expect(failure.why).toContain('another process listens on its port');
  expect(failure.remedy).toContain('free port');
});

it('a directory of another cluster is refused', async () => {
  const first = await start();
  await first.stop();
  const other = start({ directory: first.directory, cluster: ClusterName.parse('c2') });
  expect((await failureOf(other)).why).toContain('belongs to cluster c1');
});

it('a directory that cannot be made ends the start with the reason', async () => {
  const file = join(newDirectory(), 'file');
  writeFileSync(file, '');
  const failure = await failureOf(start({ directory: join(file, 'below') }));
  expect(failure.what).toContain('cannot be made');
  expect(failure.why).toContain('ENOTDIR');
});

it('a binary that is no nats-server is refused', async () => {
  const failure = await failureOf(start({ binary: '/bin/true' }));
  expect(failure.message).toContain('/bin/true');
});

it("a store that the server cannot write ends the start with the server's own words", async () => {
  const directory = newDirectory();
  writeFileSync(join(directory, 'nats'), 'a file where the data should be');
  const failure = await failureOf(start({ directory }));
  expect(failure.what).toContain('did not start');
  expect(failure.why).toContain('its log ends with');
});

async function listenOn(port: number): Promise<void> {
  const listener = createServer();
  listeners.push(listener);
  await new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
}
