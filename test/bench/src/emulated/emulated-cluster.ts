// Owns a cluster of emulated agents: one nats-server or three, two masters and two allocators as processes, the agents in
// others. It measures nothing.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { logPath } from '@parley/nats-server/server-directory';
import type { Holder } from '@parley/protocol/credential';
import { stopWhenInterrupted } from '../interruption.ts';
import { BenchProcess } from './bench-process.ts';
import { type EmulatedServer, startOneServer, startThreeServers } from './emulated-server.ts';

const EMULATOR = 'bench';
/** The heap of one process with more of them takes seconds to collect. */
const AGENTS_A_PROCESS = 10_000;
const START_TIMEOUT_MS = 900_000;
const MASTERS = ['master-1', 'master-2'] as const;
const ALLOCATORS = ['allocator-1', 'allocator-2'] as const;
const GATEWAYS = ['gateway-1', 'gateway-2'] as const;
const ACTORS: readonly Holder[] = [
  ...MASTERS.map((id): Holder => ({ kind: 'master', id })),
  ...ALLOCATORS.map((id): Holder => ({ kind: 'allocator', id })),
  { kind: 'emulator', id: EMULATOR },
  ...GATEWAYS.map((id): Holder => ({ kind: 'operator', id })),
];
const SERVICES = fileURLToPath(new URL('../../../../services', import.meta.url));

export type EmulatedSize = {
  readonly agents: number;
  readonly connections: number;
  /** Agents that begin in a second; as the emulator has it without. */
  readonly startRate?: number;
  /** Of NATS. */
  readonly servers?: 1 | 3;
  /** Of one server. */
  readonly sync?: 'always' | 'default';
  readonly logs?: string | undefined;
};

export type AgentsBegun = {
  /** When the first one began, when the last one was registered. */
  readonly beganMs: number;
  readonly registeredMs: number;
  /** Of all their processes. */
  readonly memoryMib: number;
};

/** Two masters, or two allocators. */
export type Pair = { readonly leader: BenchProcess; readonly other: BenchProcess };

export class EmulatedCluster {
  readonly #size: EmulatedSize;
  readonly #say: (line: string) => void;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-emulated-'));
  readonly #processes = new Map<string, BenchProcess>();
  readonly #forget = stopWhenInterrupted(() => this.close());
  #server: EmulatedServer | undefined;
  readonly #emulators: BenchProcess[] = [];

  constructor(size: EmulatedSize, say: (line: string) => void) {
    this.#size = size;
    this.#say = say;
  }

  /** Resolves when every agent is registered. */
  async start(): Promise<AgentsBegun> {
    await this.startServices();
    return this.startAgents();
  }

  /** Resolves when one master leads and the other stands by. */
  async startServices(): Promise<void> {
    this.#server =
      this.#size.servers === 3
        ? await startThreeServers(ACTORS)
        : await startOneServer(path.join(this.#directory, 'server'), ACTORS, this.#size.sync);
    const first = this.#service('master', MASTERS[0]);
    const leads = first.says('term begins');
    first.start();
    await leads;
    const other = this.#service('master', MASTERS[1]);
    const standing = other.says('stands by');
    other.start();
    await standing;
    for (const id of ALLOCATORS) this.#service('allocator', id).start();
  }

  /** Of the whole cluster; the server's files are in it. */
  get directory(): string {
    return this.#directory;
  }

  /** Every process but the server, by name. */
  get pids(): ReadonlyMap<string, number> {
    return new Map([...this.#processes].map(([name, one]) => [name, one.pid]));
  }

  get masters(): Pair {
    return this.#pairOf(MASTERS, 'term begins');
  }

  get allocators(): Pair {
    return this.#pairOf(ALLOCATORS, 'term began');
  }

  /** The processes of the agents. */
  get emulators(): readonly BenchProcess[] {
    return this.#emulators;
  }

  get server(): EmulatedServer {
    if (this.#server === undefined) throw new Error('the server was not started');
    return this.#server;
  }

  /** Ends the agents; how often tasks were launched, as they saw it. */
  async endAgents(): Promise<Readonly<Record<string, number>>> {
    const sums: Record<string, number> = {};
    const ended = this.#emulators.map(async (process) => {
      const told = process.says('launches of emulated agents');
      const ending = process.end('SIGTERM');
      const { fields } = await told;
      await ending;
      for (const [name, value] of Object.entries(fields)) {
        if (typeof value === 'number') sums[name] = (sums[name] ?? 0) + value;
      }
    });
    await Promise.all(ended);
    return sums;
  }

  async close(): Promise<void> {
    this.#forget();
    for (const one of this.#processes.values()) await one.end('SIGKILL');
    await this.#server?.close();
    const { logs } = this.#size;
    const log = logPath(path.join(this.#directory, 'server'));
    if (logs !== undefined && existsSync(log))
      copyFileSync(log, path.join(logs, 'nats-server.log'));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The one that has begun a term last leads. */
  #pairOf(ids: readonly string[], begins: string): Pair {
    const [one, two] = ids.map((id) => this.#process(id));
    if (one === undefined || two === undefined) throw new Error(`there are no ${ids.join(', ')}`);
    const since = (process: BenchProcess): number => process.last(begins)?.timeMs ?? 0;
    return since(one) > since(two) ? { leader: one, other: two } : { leader: two, other: one };
  }

  /** Those of emulators that were killed before begin anew, without tasks. */
  async startAgents(startRate = this.#size.startRate): Promise<AgentsBegun> {
    const { agents, connections } = this.#size;
    const processes = Math.ceil(agents / AGENTS_A_PROCESS);
    const credential = this.server.credential('emulator', EMULATOR);
    const each = ['--cpus', '1', '--mem', '1GiB', '--disk', '1GiB', '--ports', '31000-31000'];
    this.#emulators.length = 0;
    const begun = Array.from({ length: processes }, (_, index) => {
      const many = shareOf(agents, processes, index);
      const how = [
        ...['--emulate', String(many), '--id-prefix', `emulated-${index + 1}-`],
        ...['--connections', String(Math.max(1, shareOf(connections, processes, index)))],
      ];
      if (startRate !== undefined) {
        how.push('--start-rate', String(Math.max(1, shareOf(startRate, processes, index))));
      }
      const argv = [path.join(SERVICES, 'agent/src/main.ts'), '--creds', credential];
      const process = this.#add(`${EMULATOR}-${index + 1}`, [...argv, ...how, ...each]);
      this.#emulators.push(process);
      const registered = process.says('every emulated agent is registered', START_TIMEOUT_MS);
      process.start();
      return registered;
    });
    const lines = await Promise.all(begun);
    const began = lines.map(({ timeMs, fields }) => timeMs - Number(fields['tookMs']));
    return {
      beganMs: Math.min(...began),
      registeredMs: Math.max(...lines.map(({ timeMs }) => timeMs)),
      memoryMib: lines.reduce((all, { fields }) => all + Number(fields['memoryMib']), 0),
    };
  }

  /** Resolves when they answer; each with its address. */
  async startGateways(): Promise<{ readonly process: BenchProcess; readonly url: string }[]> {
    const main = path.join(SERVICES, 'gateway/src/main.ts');
    const starting = GATEWAYS.map(async (id) => {
      const how = ['--creds', this.server.credential('operator', id), '--listen', '127.0.0.1:0'];
      const process = this.#add(id, [main, ...how]);
      const started = process.says('started');
      process.start();
      return { process, url: String((await started).fields['url']) };
    });
    return Promise.all(starting);
  }

  #service(kind: 'master' | 'allocator', id: string): BenchProcess {
    const main = path.join(SERVICES, kind, 'src/main.ts');
    return this.#add(id, [main, '--creds', this.server.credential(kind, id)]);
  }

  #add(name: string, argv: readonly string[]): BenchProcess {
    const made = new BenchProcess(name, argv, this.#say, this.#size.logs);
    this.#processes.set(name, made);
    return made;
  }

  #process(name: string): BenchProcess {
    const found = this.#processes.get(name);
    if (found === undefined) throw new Error(`there is no process ${name}`);
    return found;
  }
}

/** Of a whole that is dealt out to so many, the part of this one. */
const shareOf = (whole: number, parts: number, index: number): number =>
  Math.floor((whole * (index + 1)) / parts) - Math.floor((whole * index) / parts);
