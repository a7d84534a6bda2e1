// Owns a real embedded server with a cluster's streams on it, for the tests of the actor runtime's NATS adapters:
// connections as each kind of actor, and waiting for a state.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Identity, readCredentialFile } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { provision, wantedStreams, wantedUpdates } from '@parley/actor/nats/provision';
import { type NatsServer, startNatsServer } from '@parley/nats-server/nats-server';
import { addPrincipal } from '@parley/nats-server/principals';
import type { Holder, HolderKind } from '@parley/protocol/credential';
import type { Outcome } from '@parley/protocol/errors';
import { ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import type { NatsConnection } from 'nats';
import { binaryOf, type Tier } from './bus-fixture.ts';

export const cluster = ClusterName.parse('runtime');
export const alice = PrincipalName.parse('alice');
const MIB = 1024 * 1024;
export const SMALL_STREAMS = {
  cluster,
  principals: [],
  replicas: 1,
  maxStreamBytes: 64 * MIB,
} as const;

const ACTORS: readonly Holder[] = [
  { kind: 'master', id: 'master-1' },
  { kind: 'master', id: 'master-2' },
  { kind: 'allocator', id: 'allocator-1' },
  { kind: 'agent', id: 'a1' },
  { kind: 'operator', id: 'olga' },
];

/** Servers are started, killed and started again, on machines that do other things as well. */
export const TEST_TIMEOUT_MS = 120_000;

export type Account = 'control' | 'books' | 'work';

export class ActorFixture {
  readonly directory: string;
  server: NatsServer;
  readonly #tier: Tier;
  readonly #connections: NatsConnection[] = [];

  constructor(server: NatsServer, directory: string, tier: Tier) {
    this.server = server;
    this.directory = directory;
    this.#tier = tier;
  }

  identity(kind: HolderKind, id: string): Identity {
    return succeeded(readCredentialFile(this.server.credentialFile(kind, id)));
  }

  async connect(
    kind: HolderKind,
    id: string,
    account: Account = 'control',
  ): Promise<NatsConnection> {
    const connection = succeeded(await openConnection(this.identity(kind, id), account));
    this.#connections.push(connection);
    return connection;
  }

  /** Kills the server as a power cut would, then starts it on the same port with what it had stored. */
  async killAndRestart(): Promise<void> {
    process.kill(this.server.pid, 'SIGKILL');
    await this.server.stop();
    await this.start();
  }

  async start(): Promise<void> {
    this.server = await launch(this.directory, this.#tier);
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await this.server.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const launch = async (directory: string, tier: Tier): Promise<NatsServer> =>
  startNatsServer({
    directory,
    cluster,
    actors: ACTORS,
    principals: [],
    binary: await binaryOf(tier),
  });

export async function startRuntime(tier: Tier): Promise<ActorFixture> {
  const directory = mkdtempSync(join(tmpdir(), 'parley-runtime-'));
  const fixture = new ActorFixture(await launch(directory, tier), directory, tier);
  try {
    const books = await fixture.connect('provisioner', 'provisioner', 'books');
    succeeded(await provision(books, wantedStreams(SMALL_STREAMS)));
    const everyRole = [RoleName.parse('*')];
    await addPrincipal(
      fixture.server,
      { name: alice, roles: everyRole },
      async (connection, _, principal) => {
        succeeded(await provision(connection, [wantedUpdates(principal, SMALL_STREAMS)]));
      },
    );
    return fixture;
  } catch (error) {
    await fixture.close();
    throw error;
  }
}

/** The value of an outcome that must be one. */
export function succeeded<Value>(outcome: Outcome<Value>): Value {
  if (outcome.ok) return outcome.value;
  throw new Error(`${outcome.failure.code}: ${outcome.failure.message}`);
}

/** Looks until it is so; a test that waits in vain ends by its own time limit. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await wait(20);
}
