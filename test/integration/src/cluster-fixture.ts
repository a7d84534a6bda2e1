// Owns a whole cluster of real processes for tests: nats-server, masters, allocator, agents, each started, killed and
// started again by name, with what they log; and tasks that leave a trace of each execution. It tests nothing itself.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Follower } from '@parley/actor/follower';
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { openNatsFollower } from '@parley/actor/nats/nats-follower';
import { openConnection } from '@parley/actor/nats/open-connection';
import { provision, wantedStreams, wantedUpdates } from '@parley/actor/nats/provision';
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { ClusterEvent } from '@parley/cluster/events';
import type { Input } from '@parley/cluster/inputs';
import { type NatsServer, startNatsServer } from '@parley/nats-server/nats-server';
import { addPrincipal } from '@parley/nats-server/principals';
import { Command } from '@parley/protocol/command';
import type { Holder, HolderKind } from '@parley/protocol/credential';
import { ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { TaskDescription } from '@parley/protocol/tasks';
import type { NatsConnection } from 'nats';
import { vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { binaryOf, type Tier } from './bus-fixture.ts';
import { Gates } from './gates.ts';
import type { Nats3 } from './nats3-fixture.ts';

export const cluster = ClusterName.parse('whole');
export const alice = PrincipalName.parse('alice');
export const bob = PrincipalName.parse('bob');
/** Limits of waits, for machines that do other things as well. */
const WAIT_MS = 60_000;
export const TEST_TIMEOUT_MS = 180_000;

const AGENTS = ['a1', 'a2'] as const;
const SERVICES = {
  'master-1': 'master',
  'master-2': 'master',
  'allocator-1': 'allocator',
  'allocator-2': 'allocator',
  a1: 'agent',
  a2: 'agent',
} as const;
export type ServiceId = keyof typeof SERVICES;
export const ACTORS: readonly Holder[] = [
  ...Object.entries(SERVICES).map(([id, kind]) => ({ kind, id })),
  { kind: 'operator', id: 'olga' },
];
const SERVICES_DIRECTORY = fileURLToPath(new URL('../../../services', import.meta.url));
const MIB = 1024 * 1024;

export type Books = Follower<ClusterState, Input, Effect>;

/** A process that writes lines; what it said is kept over all its lives. */
export class WatchedProcess {
  readonly name: string;
  readonly #argv: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(name: string, argv: readonly string[], env = process.env) {
    this.name = name;
    this.#argv = argv;
    this.#env = env;
  }

  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return (
      this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
    );
  }

  start(...more: readonly string[]): this {
    const child = spawn(process.execPath, [...this.#argv, ...more], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: this.#env,
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        this.#output += text.toString();
      });
    }
    this.#child = child;
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** The exit code or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    const child = this.#child;
    if (child === undefined) throw new Error(`${this.name} does not run`);
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.#child = undefined;
    return child.exitCode ?? child.signalCode;
  }

  /** How often a text stands in its log. */
  count(text: string): number {
    return this.#output.split(text).length - 1;
  }

  /** The fields of the last line of its log that holds the text, with its time as milliseconds since 1970. */
  line(text: string): Record<string, unknown> & { timeMs: number } {
    const line = this.#output.split('\n').findLast((one) => one.includes(text)) ?? '{}';
    const fields: Record<string, unknown> = JSON.parse(line);
    return { ...fields, timeMs: new Date(String(fields['time'])).getTime() };
  }

  /** Waits until the text stands in its log once more than `after` times. */
  async says(text: string, after = 0): Promise<void> {
    await until(
      () => this.count(text) > after,
      () => `${this.name} says ${text}; it said ${this.#output.slice(-2000)}`,
    );
  }

  async close(): Promise<void> {
    if (this.#child !== undefined) await this.end('SIGKILL');
  }
}

export type CommandTask = TaskDescription & { readonly command: Command };

type Options = {
  readonly tier?: Tier;
  /** Where the server keeps its data, when that is not to be the fixture's directory. */
  readonly serverDirectory?: string;
  /** Three nodes that were started already, in place of a server of its own; it must know this cluster's members. */
  readonly nats?: Nats3;
};

export class ClusterFixture {
  readonly directory: string;
  readonly #gates: Gates;
  readonly #serverDirectory: string;
  readonly #processes = new Map<string, WatchedProcess>();
  readonly #connections: NatsConnection[] = [];
  readonly #followers: Books[] = [];
  readonly #tier: Tier;
  readonly #nats: Nats3 | undefined;
  #server: NatsServer | undefined;

  constructor({ serverDirectory, nats, tier = 'reference' }: Options = {}) {
    this.#tier = tier;
    this.#nats = nats;
    this.directory = mkdtempSync(path.join(tmpdir(), 'parley-cluster-'));
    mkdirSync(path.join(this.directory, 'traces'));
    this.#gates = new Gates(path.join(this.directory, 'gates'));
    this.#serverDirectory = serverDirectory ?? path.join(this.directory, 'server');
  }

  get server(): NatsServer {
    if (this.#server === undefined) throw new Error('the server was not started');
    return this.#server;
  }

  async startServer(): Promise<void> {
    this.#server = await startNatsServer({
      directory: this.#serverDirectory,
      cluster,
      actors: ACTORS,
      principals: [],
      binary: await binaryOf(this.#tier),
      ...(this.#server && { port: this.#server.port }),
    });
  }

  /** Ends the server as a power cut would, then starts it on the same port with what it had stored. */
  async killServer(): Promise<void> {
    process.kill(this.server.pid, 'SIGKILL');
    await this.server.stop();
  }

  async provision(): Promise<void> {
    const streams = { cluster, principals: [], replicas: 1, maxStreamBytes: 64 * MIB } as const;
    const books = await this.connect('provisioner', 'provisioner', 'books');
    succeeded(await provision(books, wantedStreams(streams)));
    for (const name of [alice, bob]) await this.allow(name, '*');
  }

  /** From now on the principal may use this role, and no other. */
  async allow(name: PrincipalName, role: string): Promise<void> {
    const streams = { cluster, principals: [], replicas: 1, maxStreamBytes: 64 * MIB } as const;
    const member = { name, roles: [RoleName.parse(role)] };
    await addPrincipal(this.server, member, async (connection) => {
      succeeded(await provision(connection, [wantedUpdates(name, streams)]));
    });
  }

  /** Server, one master, the allocator and the agents. */
  async start(...masterOptions: readonly string[]): Promise<void> {
    await this.startServer();
    await this.provision();
    this.service('master-1').start(...masterOptions);
    this.service('allocator-1').start();
    for (const id of AGENTS) this.service(id).start();
    for (const id of AGENTS) await this.service(id).says('"msg":"registered"');
  }

  /** The process of that name, whether it runs or not. */
  service(id: ServiceId): WatchedProcess {
    return this.#process(id, id);
  }

  /** The process under the same id of another release, whose services lie in that directory. */
  serviceOf(servicesDirectory: string, id: ServiceId): WatchedProcess {
    return this.#process(`${id} (${servicesDirectory})`, id, servicesDirectory);
  }

  /** Another process under the same id. */
  twinOf(id: ServiceId): WatchedProcess {
    return this.#process(`${id} (twin)`, id);
  }

  credential(kind: HolderKind, id: string): string {
    return this.#nats?.credential(kind, id) ?? this.server.credentialFile(kind, id);
  }

  async connect(
    kind: HolderKind,
    id: string,
    account: 'control' | 'books' | 'work' = 'control',
  ): Promise<NatsConnection> {
    const identity = succeeded(readCredentialFile(this.credential(kind, id)));
    const connection = succeeded(await openConnection(identity, account));
    this.#connections.push(connection);
    return connection;
  }

  /** The books as an operator sees them, and what happens from now on, with the core time of each. */
  async follow(
    onEvent: (event: ClusterEvent, coreTimeMs: number) => void = () => undefined,
  ): Promise<Books> {
    const books = succeeded(
      await openNatsFollower({
        connection: await this.connect('operator', 'olga', 'books'),
        cluster,
        core: clusterCore,
        onEffect: ({ effect, context }) => {
          if (effect.kind === 'event') onEvent(effect.event, context.coreTimeMs);
        },
        onReset: () => undefined,
        onTrouble: () => undefined,
        onRecovered: () => undefined,
      }),
    );
    this.#followers.push(books);
    return books;
  }

  /** A task that leaves a line a run and ends when its gate is open. Ten of them fill an agent. */
  task(taskId: string, gate = 'gate'): CommandTask {
    return this.scriptTask(taskId, this.waitAt(gate));
  }

  /** Shell: waits until the gate is open. */
  waitAt(gate: string): string {
    return this.#gates.waitAt(gate);
  }

  /** A task of the same size that leaves a line a run and then runs this shell script. */
  scriptTask(taskId: string, script: string): CommandTask {
    const traced = `echo $$ >> ${this.#trace(taskId)}; ${script}`;
    const command = Command.parse({ argv: ['sh', '-c', traced] });
    const resources = { scalars: { cpus: 400, mem: 32_000 } };
    return { ...TaskDescription.parse({ taskId, resources, command }), command };
  }

  /** Lets the tasks at this gate end. A file of its name is there then, for processes that look for it. */
  open(gate = 'gate'): void {
    appendFileSync(path.join(this.directory, gate), '');
    this.#gates.open(gate);
  }

  /** How often the task was run. */
  runs(taskId: string): number {
    return this.pids(taskId).length;
  }

  /** The process of each run, whether it still runs or not. */
  pids(taskId: string): number[] {
    const trace = this.#trace(taskId);
    if (!existsSync(trace)) return [];
    return readFileSync(trace, 'utf8').split('\n').slice(0, -1).map(Number);
  }

  /** The directory goes first: tasks that are left over end by that. */
  async close(): Promise<void> {
    for (const one of this.#processes.values()) await one.close();
    await Promise.all(this.#followers.map((books) => books.close()));
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await this.#server?.stop();
    await this.#nats?.close();
    rmSync(this.directory, { recursive: true, force: true });
    this.#gates.close();
  }

  #process(name: string, id: ServiceId, directory = SERVICES_DIRECTORY): WatchedProcess {
    const known = this.#processes.get(name);
    if (known !== undefined) return known;
    const kind = SERVICES[id];
    const main = path.join(directory, kind, 'src/main.ts');
    const place = ['--work-dir', path.join(this.directory, id), '--isolation', 'process'];
    const size = [
      '--cpus',
      '4',
      '--mem',
      '4GiB',
      '--disk',
      '1GiB',
      '--network-bandwidth',
      '0',
      '--ports',
      '31000-31010',
    ];
    const made = new WatchedProcess(name, [
      main,
      ...['--creds', this.credential(kind, id)],
      ...(kind === 'agent' ? [...place, ...size] : []),
    ]);
    this.#processes.set(name, made);
    return made;
  }

  #trace(taskId: string): string {
    return path.join(this.directory, 'traces', taskId);
  }
}

/** Looks until it is so; the failure names what was waited for. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: () => string,
): Promise<void> {
  await vi.waitUntil(isSo, { timeout: WAIT_MS, interval: 50 }).catch((error: unknown) => {
    throw new Error(`waited in vain: ${what()}`, { cause: error });
  });
}
