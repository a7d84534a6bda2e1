// Owns a cluster of emulated agents: one nats-server or three, two masters and two allocators as processes, the agents in
// another. It measures nothing.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { logPath } from '@parley/nats-server/server-directory';
import type { Holder } from '@parley/protocol/credential';
import { stopWhenInterrupted } from '../interruption.ts';
import { BenchProcess, type LogLine } from './bench-process.ts';
import { type EmulatedServer, startOneServer, startThreeServers } from './emulated-server.ts';

const EMULATOR = 'bench';
const MASTERS = ['master-1', 'master-2'] as const;
const ALLOCATORS = ['allocator-1', 'allocator-2'] as const;
const ACTORS: readonly Holder[] = [
  ...MASTERS.map((id): Holder => ({ kind: 'master', id })),
  ...ALLOCATORS.map((id): Holder => ({ kind: 'allocator', id })),
  { kind: 'emulator', id: EMULATOR },
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

/** Two masters, or two allocators. */
export type Pair = { readonly leader: BenchProcess; readonly other: BenchProcess };

export class EmulatedCluster {
  readonly #size: EmulatedSize;
  readonly #say: (line: string) => void;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-emulated-'));
  readonly #processes = new Map<string, BenchProcess>();
  readonly #forget = stopWhenInterrupted(() => this.close());
  #server: EmulatedServer | undefined;
  /** What the emulator says when it is ended. */
  #launches: LogLine | undefined;

  constructor(size: EmulatedSize, say: (line: string) => void) {
    this.#size = size;
    this.#say = say;
  }

  /** Resolves when every agent is registered; says what the emulator takes of memory. */
  async start(): Promise<LogLine> {
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

  get masters(): Pair {
    return this.#pairOf(MASTERS, 'term begins');
  }

  get allocators(): Pair {
    return this.#pairOf(ALLOCATORS, 'term began');
  }

  get emulator(): BenchProcess {
    return this.#process(EMULATOR);
  }

  get server(): EmulatedServer {
    if (this.#server === undefined) throw new Error('the server was not started');
    return this.#server;
  }

  /** Ends the agents; how often tasks were launched, as they saw it. */
  async endAgents(): Promise<Readonly<Record<string, unknown>>> {
    const told = this.emulator.says('launches of emulated agents');
    const ending = this.emulator.end('SIGTERM');
    this.#launches = await told;
    await ending;
    return this.#launches.fields;
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

  /** Those of an emulator that was killed before begin anew, without tasks. */
  async startAgents(startRate = this.#size.startRate): Promise<LogLine> {
    const { agents, connections } = this.#size;
    const how = ['--emulate', String(agents), '--connections', String(connections)];
    if (startRate !== undefined) how.push('--start-rate', String(startRate));
    const each = ['--cpus', '1', '--mem', '1GiB', '--disk', '1GiB', '--ports', '31000-31000'];
    const argv = ['--creds', this.server.credential('emulator', EMULATOR), ...how, ...each];
    const process = this.#add(EMULATOR, [path.join(SERVICES, 'agent/src/main.ts'), ...argv]);
    const registered = process.says('every emulated agent is registered', 600_000);
    process.start();
    return registered;
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
