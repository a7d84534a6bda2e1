// Owns a NATS cluster of three real servers for tests and benchmarks: streams with three replicas, a credential for each
// actor, and what may happen to it: a node killed, frozen, wiped, or cut off from the others.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Identity, readCredentialFile } from '@parley/actor/nats/credential-file';
import { ask } from '@parley/actor/nats/jetstream-requests';
import { openConnection } from '@parley/actor/nats/open-connection';
import { provision, wantedStreams, wantedUpdates } from '@parley/actor/nats/provision';
import { readCredentialFile as readSeeds } from '@parley/nats-server/account-connection';
import { type NodeRoutes, renderAccounts } from '@parley/nats-server/config';
import { credentialPath, ensureCredential } from '@parley/nats-server/credentials';
import {
  holdersOf,
  type Members,
  PROVISIONER,
  type PrincipalMember,
} from '@parley/nats-server/members';
import { provisionPrincipal } from '@parley/nats-server/principals';
import { freePort } from '@parley/nats-server/server-process';
import type { Holder, HolderKind } from '@parley/protocol/credential';
import type { ClusterName } from '@parley/protocol/ids';
import { usersOf } from '@parley/protocol/permissions';
import { journalStreamName } from '@parley/protocol/streams';
import { locateNatsServer } from '@parley/setup/nats-server';
import type { NatsConnection } from 'nats';
import * as z from 'zod';
import { succeeded, until } from './actor-fixture.ts';
import { type Authority, type Certificate, issue, makeAuthority } from './certificates.ts';
import { Nats3Node, type NodePlace } from './nats3-node.ts';
import { openGate, type TcpGate } from './tcp-gate.ts';

const NAMES = ['n1', 'n2', 'n3'] as const;
export type NodeName = (typeof NAMES)[number];
const MIB = 1024 * 1024;
/** For clients and routes of each: nobody else is on its host. */
const OWN_HOST_PORTS = [4222, 4222, 4222, 6222, 6222, 6222];
/** Routes are dialled anew every second, and leaders are heard of every second. */
const SETTLE_MS = 3000;
/** Where nobody listens: a node that hears of another from a third must not go round the gate. */
const NOWHERE = '127.0.0.1:1';

export type Nats3Options = {
  readonly cluster: ClusterName;
  /** Who gets a credential, beside the provisioner. */
  readonly actors: readonly Holder[];
  readonly principals?: readonly PrincipalMember[];
  /** Encrypts all, with certificates of an authority of its own. */
  readonly tls?: boolean;
  /** Lets `separate` work, at the price that the routes run through this process. */
  readonly separable?: boolean;
  /** Limit of each stream; small, so that small disks do. */
  readonly maxStreamBytes?: number;
  /** It stays at the end; without it there is one that does not. */
  readonly directory?: string;
  /** Hosts of their own for the nodes: there the ports are the usual ones. */
  readonly places?: Readonly<Record<NodeName, NodePlace>>;
  /** What credentials name as servers, when that is not the nodes themselves. */
  readonly servers?: readonly string[];
};

/** Paths of PEM files. */
export type TlsPaths = {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
};

type Gate = { readonly from: NodeName; readonly to: NodeName; readonly gate: TcpGate };

export class Nats3 {
  readonly cluster: ClusterName;
  readonly directory: string;
  readonly nodes: readonly Nats3Node[];
  readonly authority: Authority | undefined;
  readonly #members: Members;
  readonly #isKept: boolean;
  readonly #gates: readonly Gate[];
  readonly #connections: NatsConnection[] = [];
  #watcher: NatsConnection | undefined;

  constructor(options: {
    readonly directory: string;
    readonly members: Members;
    readonly nodes: readonly Nats3Node[];
    readonly gates: readonly Gate[];
    readonly authority: Authority | undefined;
    readonly isKept: boolean;
  }) {
    this.authority = options.authority;
    this.cluster = options.members.cluster;
    this.directory = options.directory;
    this.nodes = options.nodes;
    this.#members = options.members;
    this.#isKept = options.isKept;
    this.#gates = options.gates;
  }

  get urls(): readonly string[] {
    return this.nodes.map(({ url }) => url);
  }

  node(name: string): Nats3Node {
    const found = this.nodes.find((node) => node.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  }

  /** Path of the file. */
  credential(kind: HolderKind, id: string): string {
    return credentialPath(join(this.directory, 'credentials'), { kind, id });
  }

  /** @param nodes where the connection may be; all without it */
  identity(kind: HolderKind, id: string, nodes: readonly Nats3Node[] = this.nodes): Identity {
    const servers = nodes.map(({ url }) => url);
    return succeeded(readCredentialFile(this.credential(kind, id), { servers }));
  }

  async connect(
    kind: HolderKind,
    id: string,
    account: 'control' | 'books' | 'work' = 'control',
    nodes: readonly Nats3Node[] = this.nodes,
  ): Promise<NatsConnection> {
    const connection = succeeded(await openConnection(this.identity(kind, id, nodes), account));
    this.#connections.push(connection);
    return connection;
  }

  /** Where a stream of the books is led; waits while an election goes on. */
  async leaderOf(stream = journalStreamName(this.cluster)): Promise<Nats3Node> {
    let leader: Nats3Node | undefined;
    await until(async () => {
      const name = (await this.#placeOf(stream))?.leader;
      leader = this.nodes.find((node) => node.name === name && node.isRunning);
      return leader !== undefined;
    });
    return leader ?? this.node('');
  }

  /** The nodes that do not lead the stream. */
  async othersThanLeaderOf(stream?: string): Promise<readonly Nats3Node[]> {
    const leader = await this.leaderOf(stream);
    return this.nodes.filter((node) => node !== leader);
  }

  /** Waits until every stream of the books is whole on all three nodes. */
  async untilWhole(): Promise<void> {
    const { cluster } = this;
    for (const { name } of wantedStreams({ cluster, principals: [], replicas: 3 })) {
      await until(async () => {
        const replicas = (await this.#placeOf(name))?.replicas ?? [];
        return replicas.length === 2 && replicas.every((one) => one.current && !one.offline);
      });
    }
  }

  /** Cuts the routes between these nodes and all others; clients reach both sides. */
  separate(names: readonly string[]): void {
    if (this.#gates.length === 0) throw new Error('the nodes were not made separable');
    for (const { from, to, gate } of this.#gates) {
      if (names.includes(from) !== names.includes(to)) gate.shut();
    }
  }

  /** Ends the separation. One that was cut off may call itself leader for a moment longer: that is waited for. */
  async reunite(): Promise<void> {
    for (const { gate } of this.#gates) gate.open();
    await wait(SETTLE_MS);
    await this.untilWhole();
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  /** Streams, buckets and principals, with three replicas. Waits until the three have found each other. */
  async provision(maxStreamBytes: number): Promise<void> {
    const { cluster } = this;
    const place = { cluster, replicas: 3, maxStreamBytes } as const;
    this.#watcher = await this.connect(PROVISIONER.kind, PROVISIONER.id, 'books');
    const streams = wantedStreams({ ...place, principals: [] });
    await until(async () => {
      const made = this.#watcher && (await provision(this.#watcher, streams));
      return made?.ok === true;
    });
    const credential = readSeeds(this.credential(PROVISIONER.kind, PROVISIONER.id));
    for (const principal of this.#members.principals) {
      await provisionPrincipal(credential, principal, {
        replicas: 3,
        ensureUpdatesStream: async (connection) => {
          succeeded(await provision(connection, [wantedUpdates(principal.name, place)]));
        },
      });
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(this.#gates.map(({ gate }) => gate.close()));
    if (!this.#isKept) rmSync(this.directory, { recursive: true, force: true });
  }

  async #placeOf(stream: string): Promise<StreamPlace | undefined> {
    if (this.#watcher === undefined) throw new Error('nothing was provisioned');
    const answer = await ask(this.#watcher, `$JS.API.STREAM.INFO.${stream}`, '');
    if (answer.kind !== 'answered') return undefined;
    return StreamInfo.safeParse(answer.value).data?.cluster;
  }
}

const StreamPlace = z.object({
  leader: z.string().optional(),
  replicas: z
    .array(
      z.object({ name: z.string(), current: z.boolean(), offline: z.boolean().default(false) }),
    )
    .default([]),
});
type StreamPlace = z.infer<typeof StreamPlace>;
const StreamInfo = z.object({ cluster: StreamPlace });

/** Three servers that know each other, with everything that a cluster of ours needs on them. */
export async function startNats3(options: Nats3Options): Promise<Nats3> {
  const { cluster, actors, principals = [] } = options;
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'parley-nats3-'));
  const members: Members = {
    version: 1,
    cluster,
    actors: [...actors],
    principals: [...principals],
  };
  const { tls = false, separable = false } = options;
  const { places, servers } = options;
  const how = { directory, tls, separable, systemAccount: 'system' };
  const made = await makeNodes({ ...how, ...(places && { places }) });
  const accounts = accountsOf(directory, members, { ...made, urls: servers ?? made.urls });
  made.setAccounts(() => accounts);
  const nats = new Nats3({ ...made, directory, members, isKept: options.directory !== undefined });
  try {
    await nats.start();
    await nats.provision(options.maxStreamBytes ?? 64 * MIB);
    return nats;
  } catch (error) {
    await nats.close();
    throw error;
  }
}

export type MadeNodes = {
  readonly nodes: readonly Nats3Node[];
  readonly urls: readonly string[];
  readonly gates: readonly Gate[];
  readonly authority: Authority | undefined;
  /** What stands in the accounts block of each at its next start. */
  readonly setAccounts: (text: () => string) => void;
};

/** Three servers that will know each other; none is started. */
export async function makeNodes({
  directory,
  tls: isSecret,
  separable,
  systemAccount,
  places,
}: {
  readonly directory: string;
  readonly tls: boolean;
  readonly separable: boolean;
  readonly systemAccount: string;
  readonly places?: Readonly<Record<NodeName, NodePlace>>;
}): Promise<MadeNodes> {
  const ports = places ? OWN_HOST_PORTS : await freePorts(NAMES.length * 2);
  const scheme = isSecret ? 'tls' : 'nats';
  const authority = isSecret ? makeAuthority('authority of a test') : undefined;
  const tls =
    authority && writeCertificate(directory, 'server', authority, issue(authority, 'node'));
  const { path: binary } = await locateNatsServer();
  const routePort = (name: NodeName): number => ports[NAMES.indexOf(name) + NAMES.length] ?? 0;
  const routeOf = (name: NodeName): Route => ({
    host: places?.[name].host ?? '127.0.0.1',
    port: routePort(name),
  });
  const gates = separable ? await openGates(routePort) : [];
  let accounts = (): string => '';
  const nodes = NAMES.map(
    (name, index) =>
      new Nats3Node({
        name,
        directory: join(directory, name),
        binary,
        port: ports[index] ?? 0,
        place: places?.[name],
        scheme,
        config: {
          routes: { ...routesOf(name, gates, routeOf), ...(tls && { tls }) },
          ...(tls && { tls: { ...tls, verify: false } }),
        },
        accounts: () => accounts(),
        systemAccount,
      }),
  );
  const setAccounts = (text: () => string): void => {
    accounts = text;
  };
  return { nodes, urls: nodes.map(({ url }) => url), gates, authority, setAccounts };
}

/** Writes what a server or a client shows, and whom it trusts. */
export function writeCertificate(
  directory: string,
  name: string,
  authority: Authority,
  { certificate, key }: Certificate,
): TlsPaths {
  const texts = { ca: authority.certificate, cert: certificate, key };
  const path = (part: string): string => join(directory, `${name}-${part}.pem`);
  for (const [part, text] of Object.entries(texts))
    writeFileSync(path(part), text, { mode: 0o600 });
  return { caFile: path('ca'), certFile: path('cert'), keyFile: path('key') };
}

/** Makes the credentials. */
function accountsOf(
  directory: string,
  members: Members,
  { urls, authority }: Pick<MadeNodes, 'urls' | 'authority'>,
): string {
  const { cluster } = members;
  const principals = members.principals.map(({ name }) => name);
  const place = {
    directory: join(directory, 'credentials'),
    cluster,
    servers: urls,
    ...(authority && { tls: { ca: authority.certificate } }),
  };
  const users = holdersOf(members).flatMap((holder) =>
    ensureCredential(place, holder, usersOf(holder, cluster, principals)),
  );
  return `  system {}\n${renderAccounts({ cluster, principals, users })}`;
}

/** One for each node that dials another. */
async function openGates(routePort: (name: NodeName) => number): Promise<readonly Gate[]> {
  const pairs = NAMES.flatMap((from) =>
    NAMES.filter((to) => to !== from).map((to) => ({ from, to })),
  );
  return Promise.all(
    pairs.map(async ({ from, to }) => ({ from, to, gate: await openGate(() => routePort(to)) })),
  );
}

type Route = { readonly host: string; readonly port: number };

function routesOf(
  name: NodeName,
  gates: readonly Gate[],
  routeOf: (name: NodeName) => Route,
): NodeRoutes {
  const through = gates.filter(({ from }) => from === name).map(({ gate }) => gate.address);
  const direct = NAMES.filter((other) => other !== name)
    .map(routeOf)
    .map(({ host, port }) => `${host}:${port}`);
  return {
    name: 'three',
    ...routeOf(name),
    others: gates.length === 0 ? direct : through,
    secret: 'between-the-nodes-of-a-test',
    ...(gates.length > 0 && { advertise: NOWHERE }),
  };
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
