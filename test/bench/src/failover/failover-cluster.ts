// Owns the cluster that a failover is measured in: one nats-server, two masters and two allocators as processes, emulated
// agents in one process and frameworks in another. It measures nothing.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { logPath } from '@parley/nats-server/server-directory';
import type { Holder } from '@parley/protocol/credential';
import { BenchProcess, type LogLine } from './bench-process.ts';
import {
  type FailoverServer,
  PRINCIPALS,
  startOneServer,
  startThreeServers,
} from './failover-server.ts';
import {
  type Counts,
  type FrameworksPlan,
  FromFrameworks,
  type ToFrameworks,
} from './framework-messages.ts';

const EMULATOR = 'failover';
const MASTERS = ['master-1', 'master-2'] as const;
const ALLOCATORS = ['allocator-1', 'allocator-2'] as const;
const ACTORS: readonly Holder[] = [
  ...MASTERS.map((id): Holder => ({ kind: 'master', id })),
  ...ALLOCATORS.map((id): Holder => ({ kind: 'allocator', id })),
  { kind: 'emulator', id: EMULATOR },
];
const SERVICES = fileURLToPath(new URL('../../../../services', import.meta.url));
const FRAMEWORKS = path.join(import.meta.dirname, 'framework-process.ts');
const ANSWER_MS = 180_000;

export type FailoverSize = {
  readonly agents: number;
  readonly connections: number;
  readonly frameworks: number;
  readonly tasks: number;
  readonly taskSeconds: number;
  readonly launchRate: number;
  /** Of NATS. */
  readonly servers?: 1 | 3;
  readonly logs?: string | undefined;
};

/** Two masters, or two allocators. */
export type Pair = { readonly leader: BenchProcess; readonly other: BenchProcess };
type NewTerm = Extract<FromFrameworks, { kind: 'newTerm' }>;

export class FailoverCluster {
  readonly #size: FailoverSize;
  readonly #say: (line: string) => void;
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'parley-bench-failover-'));
  readonly #processes = new Map<string, BenchProcess>();
  readonly #listeners = new Set<(message: FromFrameworks) => void>();
  #server: FailoverServer | undefined;
  #frameworks: ChildProcess | undefined;
  /** What the emulator says when it is ended. */
  #launches: LogLine | undefined;

  constructor(size: FailoverSize, say: (line: string) => void) {
    this.#size = size;
    this.#say = say;
  }

  /** Resolves when every agent is registered and every framework subscribed; says what the emulator takes of memory. */
  async start(): Promise<LogLine> {
    this.#server =
      this.#size.servers === 3
        ? await startThreeServers(ACTORS)
        : await startOneServer(path.join(this.#directory, 'server'), ACTORS);
    const first = this.#service('master', MASTERS[0]);
    const leads = first.says('term begins');
    first.start();
    await leads;
    const other = this.#service('master', MASTERS[1]);
    const standing = other.says('stands by');
    other.start();
    await standing;
    for (const id of ALLOCATORS) this.#service('allocator', id).start();
    const registered = await this.#startAgents();
    await this.#startFrameworks();
    return registered;
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

  get server(): FailoverServer {
    if (this.#server === undefined) throw new Error('the server was not started');
    return this.#server;
  }

  /** When the frameworks have seen the first offer of a later term accepted. */
  newTerm(): Promise<NewTerm> {
    return this.#hear((message) => (message.kind === 'newTerm' ? message : undefined));
  }

  async counts(): Promise<Counts> {
    const answer = this.#hear((message) => (message.kind === 'counts' ? message : undefined));
    this.tell({ kind: 'count' });
    return answer;
  }

  tell(message: ToFrameworks): void {
    this.#frameworks?.send(message);
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
    const frameworks = this.#frameworks;
    if (frameworks !== undefined && frameworks.exitCode === null) {
      frameworks.kill('SIGKILL');
      await once(frameworks, 'exit');
    }
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

  async #startAgents(): Promise<LogLine> {
    const { agents, connections } = this.#size;
    const how = ['--emulate', String(agents), '--connections', String(connections)];
    const each = ['--cpus', '1', '--mem', '1GiB', '--disk', '1GiB', '--ports', '31000-31000'];
    const argv = ['--creds', this.server.credential('emulator', EMULATOR), ...how, ...each];
    const process = this.#add(EMULATOR, [path.join(SERVICES, 'agent/src/main.ts'), ...argv]);
    const registered = process.says('every emulated agent is registered', 600_000);
    process.start();
    return registered;
  }

  async #startFrameworks(): Promise<void> {
    const { frameworks, tasks, taskSeconds, launchRate } = this.#size;
    const credentials = PRINCIPALS.map((name) => this.server.credential('principal', name));
    const plan: FrameworksPlan = {
      ...{ credentials, frameworks },
      ...{ tasks, taskSeconds, launchRate },
    };
    const ready = this.#hear((message) => (message.kind === 'ready' ? message : undefined));
    const child = fork(FRAMEWORKS, [JSON.stringify(plan)], { stdio: ['ignore', 2, 2, 'ipc'] });
    child.on('message', (raw) => {
      const message = FromFrameworks.parse(raw);
      for (const listener of this.#listeners) listener(message);
    });
    this.#frameworks = child;
    const ended = once(child, 'exit').then(() => {
      throw new Error('the process of the frameworks has ended');
    });
    // Later it is told to end.
    ended.catch(() => undefined);
    await Promise.race([ready, ended]);
  }

  /** The next message that `pick` knows. */
  async #hear<Wanted>(pick: (message: FromFrameworks) => Wanted | undefined): Promise<Wanted> {
    const heard = Promise.withResolvers<Wanted>();
    const listener = (message: FromFrameworks): void => {
      const picked = pick(message);
      if (picked !== undefined) heard.resolve(picked);
    };
    this.#listeners.add(listener);
    const timer = setTimeout(
      () => heard.reject(new Error(`the frameworks said nothing in ${ANSWER_MS / 1000} s`)),
      ANSWER_MS,
    );
    try {
      return await heard.promise;
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    }
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
