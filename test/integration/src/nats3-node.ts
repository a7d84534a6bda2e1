// Owns one nats-server of three as a process of a test: started, killed, frozen, its disk wiped, started again under the
// same name and port. What its configuration says is the cluster's business (nats3-fixture.ts).
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderServer, type ServerNode } from '@parley/nats-server/config';
import {
  askServerName,
  isRunning,
  type ProcessIdentity,
  signal,
  spawnServer,
  stopProcess,
  waitFor,
} from '@parley/nats-server/server-process';

const LOOPBACK: NodePlace = { host: '127.0.0.1', enter: [] };
const START_TIMEOUT_MS = 60_000;
const START_ATTEMPTS = 20;

/** Where a node runs, when that is not beside whoever starts it. */
export type NodePlace = {
  readonly host: string;
  /** Put before its command: leads into its namespaces, and becomes it. */
  readonly enter: readonly string[];
};

export type Nats3NodeOptions = {
  readonly name: string;
  readonly directory: string;
  readonly binary: string;
  readonly port: number;
  readonly place?: NodePlace | undefined;
  readonly scheme: 'nats' | 'tls';
  readonly config: Pick<ServerNode, 'tls' | 'routes'>;
  /** What stands inside the `accounts` block, as it is to be at the next start or reload. */
  readonly accounts: () => string;
  readonly systemAccount: string;
};

export class Nats3Node {
  readonly name: string;
  readonly port: number;
  readonly #options: Nats3NodeOptions;
  readonly #place: NodePlace;
  #process: ProcessIdentity | undefined;

  constructor(options: Nats3NodeOptions) {
    this.name = options.name;
    this.port = options.port;
    this.#options = options;
    this.#place = options.place ?? LOOPBACK;
    mkdirSync(options.directory, { recursive: true });
  }

  get url(): string {
    return `${this.#options.scheme}://${this.#place.host}:${this.port}`;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && isRunning(this.#process);
  }

  get pid(): number {
    return this.#running().pid;
  }

  get configFile(): string {
    return join(this.#options.directory, 'nats-server.conf');
  }

  get log(): string {
    const path = this.#path('log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Returns when it answers; whether it has found the others is not waited for. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const before = this.log.length;
      if (await this.#startOnce()) return;
      const said = `${this.log.slice(before)}${readFileSync(this.#path('output'), 'utf8')}`;
      // A connection of somebody else may have got the port while the node was down: not for long.
      const portTaken = /address already in use/i.test(said);
      if (!portTaken || attempt >= START_ATTEMPTS) {
        throw new Error(`node ${this.name} does not start: ${said.slice(-2000)}`);
      }
    }
  }

  /** As a power cut ends it, but that what it wrote is on the disk. */
  async kill(): Promise<void> {
    signal(this.#running(), 'SIGKILL');
    await this.stop();
  }

  /** Asked to end, it hands over what it leads first. */
  async stop(): Promise<void> {
    if (this.#process === undefined) return;
    // One that is frozen would hear it only once it thaws.
    signal(this.#process, 'SIGCONT');
    await stopProcess(this.#process);
    this.#process = undefined;
  }

  freeze(): void {
    signal(this.#running(), 'SIGSTOP');
  }

  thaw(): void {
    signal(this.#running(), 'SIGCONT');
  }

  /** Removes all that it has stored, votes and replicas too. It must not run. */
  wipe(): void {
    if (this.isRunning) throw new Error(`node ${this.name} runs`);
    rmSync(this.#path('store'), { recursive: true, force: true });
  }

  writeConfig(): void {
    const { config, port, accounts, systemAccount, name } = this.#options;
    const node: ServerNode = {
      ...config,
      serverName: name,
      host: this.#place.host,
      port,
      storeDirectory: this.#path('store'),
      logFile: this.#path('log'),
      pidFile: this.#path('pid'),
      maxFileBytes: 4 * 1024 ** 4,
    };
    writeFileSync(this.configFile, renderServer(node, accounts(), systemAccount));
  }

  async #startOnce(): Promise<boolean> {
    this.writeConfig();
    const { host, enter } = this.#place;
    const output = this.#path('output');
    const { identity } = spawnServer(this.#options.binary, this.configFile, output, enter);
    this.#process = identity;
    await waitFor(
      async () => !this.isRunning || (await askServerName(this.port, host)) === this.name,
      START_TIMEOUT_MS,
    );
    return this.isRunning;
  }

  #running(): ProcessIdentity {
    if (this.#process === undefined) throw new Error(`node ${this.name} does not run`);
    return this.#process;
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }
}
