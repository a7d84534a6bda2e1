// Owns a real embedded server with everybody on it, for the tests of the bus: two agents, two principals, streams, buckets,
// and connections that remember what they were refused.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { provision, wantedStreams, wantedUpdates } from '@parley/actor/nats/provision';
import { readCredentialFile } from '@parley/nats-server/account-connection';
import { type NatsServer, startNatsServer } from '@parley/nats-server/nats-server';
import { addPrincipal } from '@parley/nats-server/principals';
import { type Holder, type HolderKind, inboxPrefix } from '@parley/protocol/credential';
import type { Outcome } from '@parley/protocol/errors';
import { ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { locateNatsServer } from '@parley/setup/nats-server';
import { connect, type NatsConnection, nkeyAuthenticator } from 'nats';

export const TIERS = ['reference', 'compatibility'] as const;
export type Tier = (typeof TIERS)[number];

export const cluster = ClusterName.parse('c1');
export const alice = PrincipalName.parse('alice');
export const bob = PrincipalName.parse('bob');
const everyRole = [RoleName.parse('*')];

const ACTORS: readonly Holder[] = [
  { kind: 'master', id: 'master-1' },
  { kind: 'allocator', id: 'allocator-1' },
  { kind: 'agent', id: 'a1' },
  { kind: 'agent', id: 'a2' },
  { kind: 'operator', id: 'olga' },
];

export type Account = 'control' | 'books' | 'work' | { readonly principal: PrincipalName };

/** One user's connection and what the server refused it. */
export class Client {
  readonly connection: NatsConnection;
  readonly refused: string[] = [];

  constructor(connection: NatsConnection) {
    this.connection = connection;
    void this.#listen();
  }

  /** Whether the server refuses the publish. The refusal comes before the answer to the flush. */
  async mayPublish(subject: string, reply?: string): Promise<boolean> {
    this.connection.publish(subject, 'x', reply === undefined ? {} : { reply });
    await this.#settle();
    return !this.refused.includes(`publish ${subject}`);
  }

  async maySubscribe(subject: string): Promise<boolean> {
    const subscription = this.connection.subscribe(subject, { callback: () => undefined });
    await this.#settle();
    const allowed = !this.refused.includes(`subscription ${subject}`);
    if (allowed) subscription.unsubscribe();
    return allowed;
  }

  /** What the server said before it answered the flush has been listened to afterwards. */
  async #settle(): Promise<void> {
    await this.connection.flush();
    await setImmediate();
  }

  async #listen(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type !== 'error') continue;
      const found = /Permissions Violation for (Publish|Subscription) to "([^"]+)"/i.exec(
        status.error.message,
      );
      if (found) this.refused.push(`${found[1]?.toLowerCase()} ${found[2]}`);
    }
  }
}

export class BusFixture {
  readonly server: NatsServer;
  readonly directory: string;
  readonly #clients: Client[] = [];

  constructor(server: NatsServer, directory: string) {
    this.server = server;
    this.directory = directory;
  }

  /** A connection of its own for every call. */
  async as(kind: HolderKind, id: string, account: Account = 'control'): Promise<Client> {
    const { seeds, servers } = readCredentialFile(this.server.credentialFile(kind, id));
    const seed =
      typeof account === 'string' ? seeds[account] : seeds.principals?.[account.principal];
    if (seed === undefined) throw new Error(`${kind} ${id} has no user in ${String(account)}`);
    const connection = await connect({
      servers,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
      inboxPrefix: inboxPrefix({ kind, id }),
      timeout: 30_000,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    });
    const client = new Client(connection);
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map(({ connection }) => connection.close()));
    await this.server.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export const binaryOf = async (tier: Tier): Promise<string> =>
  (await locateNatsServer({ tier })).path;

export async function startBus(tier: Tier): Promise<BusFixture> {
  const directory = mkdtempSync(join(tmpdir(), 'parley-bus-'));
  const server = await startNatsServer({
    directory,
    cluster,
    actors: ACTORS,
    principals: [],
    binary: await binaryOf(tier),
  });
  const bus = new BusFixture(server, directory);
  try {
    await provisionAll(bus);
    return bus;
  } catch (error) {
    await bus.close();
    throw error;
  }
}

async function provisionAll(bus: BusFixture): Promise<void> {
  const books = await bus.as('provisioner', 'provisioner', 'books');
  const options = { cluster, principals: [], replicas: 1 } as const;
  orThrow(await provision(books.connection, wantedStreams(options)));
  for (const name of [alice, bob]) {
    await addPrincipal(bus.server, { name, roles: everyRole }, async (connection) => {
      orThrow(await provision(connection, [wantedUpdates(name, options)]));
    });
  }
}

function orThrow(outcome: Outcome<unknown>): void {
  if (!outcome.ok) throw new Error(outcome.failure.message);
}
