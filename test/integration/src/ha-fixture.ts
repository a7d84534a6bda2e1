// Owns what tests of several masters share: work that may not be lost or done twice, a way to cut one process from the
// bus, and figures that are printed. It tests nothing itself.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'vitest';
import { ClusterFixture, type CommandTask, until, type WatchedProcess } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';

export const LEADS = '"msg":"term begins"';
export const STANDS_BY = '"msg":"stands by"';

/** Everything of a cluster with two masters; the first one leads. */
export class HaCluster {
  readonly fixture = new ClusterFixture();
  #framework: QueueFramework | undefined;

  async start(): Promise<this> {
    await this.fixture.start();
    await this.startSecond();
    this.#framework = await new QueueFramework().connect(this.fixture, 'alice', 'steady');
    return this;
  }

  /** All that is missing beside a server and a master that leads. */
  async startRest(): Promise<void> {
    this.fixture.service('allocator-1').start();
    for (const id of ['a1', 'a2'] as const) this.fixture.service(id).start();
    await this.startSecond();
    this.#framework = await new QueueFramework().connect(this.fixture, 'alice', 'steady');
  }

  async startSecond(): Promise<void> {
    const second = this.fixture.service('master-2');
    const before = second.count(STANDS_BY);
    await second.start().says(STANDS_BY, before);
  }

  get framework(): QueueFramework {
    if (this.#framework === undefined) throw new Error('the cluster is not started');
    return this.#framework;
  }

  tasks(gate: string, count: number): CommandTask[] {
    return Array.from({ length: count }, (_, index) => this.fixture.task(`${gate}-${index}`, gate));
  }

  /** Waits until so many of these have ended. */
  async untilSomeEnded(tasks: readonly CommandTask[], count: number): Promise<void> {
    const names = new Set<string>(tasks.map(({ taskId }) => taskId));
    await until(
      () => this.framework.ends.filter(({ taskId }) => names.has(taskId)).length >= count,
      () => this.framework.said,
    );
  }

  /** Each ran once and ended well, and that was told once. */
  async expectEachOnce(tasks: readonly CommandTask[]): Promise<void> {
    await this.framework.untilEnded(tasks);
    const names = tasks.map(({ taskId }) => taskId);
    const wanted = new Set<string>(names);
    const told = this.framework.ends.filter(({ taskId }) => wanted.has(taskId));
    expect(told).toHaveLength(tasks.length);
    expect(told.filter(({ state }) => state !== 'finished')).toEqual([]);
    expect(names.filter((taskId) => this.fixture.runs(taskId) !== 1)).toEqual([]);
  }

  async close(): Promise<void> {
    await this.#framework?.close();
    await this.fixture.close();
  }
}

/** A way to the bus that can be cut. */
export class CuttableWay {
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #taken = 0;

  constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Connections that it has carried, whether they are still there or not. */
  get taken(): number {
    return this.#taken;
  }

  async open(): Promise<this> {
    this.#server = createServer((near) => {
      this.#taken += 1;
      const far = connect(this.#targetPort, '127.0.0.1');
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => undefined);
        one.on('close', () => other.destroy());
        one.pipe(other);
      }
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    server?.close();
    if (server !== undefined) await once(server, 'close');
  }
}

/** Figures are for people: machines differ. */
export function printTime(what: string, fromMs: number, toMs: number): void {
  process.stdout.write(`${what}: ${Math.round(toMs - fromMs)} ms\n`);
}

/** Waits for the next time that a process says so, and gives the line. */
export async function nextLine(
  process: WatchedProcess,
  text: string,
  before: number,
): Promise<ReturnType<WatchedProcess['line']>> {
  await process.says(text, before);
  return process.line(text);
}
