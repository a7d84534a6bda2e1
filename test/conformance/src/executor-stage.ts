// Owns what tests of executors that were written for Mesos share: an agent, the gateway on its host, and executors whose
// log can be read. It tests nothing itself.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Encoding } from '@parley/mesos-api/codec';
import type { TaskDescriptionInput } from '@parley/protocol/tasks';
import { AgentUnderTest, WAIT_MS } from '@parley/test-integration/agent-fixture';
import { type BusFixture, startBus } from '@parley/test-integration/bus-fixture';
import { WatchedProcess } from '@parley/test-integration/cluster-fixture';
import { ExecutorStage } from '@parley/test-integration/executor-fixture';
import { PlayedLeader } from '@parley/test-integration/played-leader';
import { expect, vi } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./executor-process.ts', import.meta.url));
const GATEWAY = fileURLToPath(new URL('../../../services/gateway/src/main.ts', import.meta.url));
const PATH = '/slave(1)/api/v1/executor';

export class MesosStage {
  readonly bus: BusFixture;
  readonly leader: PlayedLeader;
  readonly executors: ExecutorStage;
  readonly gateway: WatchedProcess;
  readonly agent: AgentUnderTest;
  readonly #begun = new Set<string>();
  #port = 0;

  private constructor(bus: BusFixture, leader: PlayedLeader, executors: ExecutorStage) {
    this.bus = bus;
    this.leader = leader;
    this.executors = executors;
    const credential = bus.server.credentialFile('operator', 'olga');
    this.gateway = new WatchedProcess('gateway', [
      ...[GATEWAY, '--creds', credential, '--nats', bus.server.url, '--for-agent', 'a1'],
    ]);
    this.agent = new AgentUnderTest(bus, 'process');
    mkdirSync(this.agent.workDirectory, { recursive: true });
  }

  static async open(): Promise<MesosStage> {
    const bus = await startBus('reference');
    const leader = await PlayedLeader.lead(bus);
    const stage = new MesosStage(bus, leader, await ExecutorStage.open(bus, leader));
    await stage.startGateway();
    stage.startAgent();
    await leader.registered();
    return stage;
  }

  startAgent(): void {
    this.agent.start('--executor-endpoint', this.endpoint, '--executor-return-timeout', '20');
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** On the port of the last time, or on a free one. */
  async startGateway(): Promise<void> {
    const before = this.gateway.count('"msg":"started"');
    this.gateway.start('--listen', this.endpoint);
    await this.gateway.says('"msg":"started"', before);
    this.#port = Number(new URL(String(this.gateway.line('"msg":"started"')['url'])).port);
  }

  /** A task of an executor of that id, in that encoding. */
  task(
    taskId: string,
    name: string,
    executorId: string,
    { encoding = 'json', checkpoint = true }: { encoding?: Encoding; checkpoint?: boolean } = {},
  ): TaskDescriptionInput {
    this.#begun.add(executorId);
    const argv = [process.execPath, PROGRAM, this.#logOf(executorId), encoding];
    return {
      ...{ taskId, name, labels: { tier: 'web' } },
      data: Uint8Array.from(Buffer.from('of the task')),
      resources: { scalars: { cpus: 100, mem: 32_000 } },
      executor: { executorId, command: { argv }, mesos: { checkpoint } },
    };
  }

  /** What the executor told of itself, a line each. */
  log(executorId: string): string[] {
    const file = this.#logOf(executorId);
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  /** Waits until a line of its log begins so, `count` times. */
  async tells(executorId: string, beginning: string, count = 1): Promise<void> {
    await expect
      .poll(() => this.log(executorId).filter((line) => line.startsWith(beginning)).length, {
        ...{ timeout: WAIT_MS, interval: 100 },
        message: `${executorId} tells ${beginning}: ${this.log(executorId).join('\n')}`,
      })
      .toBeGreaterThanOrEqual(count);
  }

  /** As it was told in its environment. */
  token(executorId: string): string {
    const line = this.log(executorId).find((each) => each.startsWith('MESOS ')) ?? 'MESOS {}';
    return JSON.parse(line.slice('MESOS '.length))['MESOS_EXECUTOR_AUTHENTICATION_TOKEN'];
  }

  /** A header that is empty is left out. */
  async post(
    body: object | string,
    headers: Readonly<Record<string, string>> = {},
    method = 'POST',
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly text: string }> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const sent = Object.entries({ 'Content-Type': 'application/json', ...headers });
    const answer = await fetch(`http://${this.endpoint}${PATH}`, {
      method,
      headers: sent.filter(([, value]) => value !== ''),
      // Bytes: of a text it would say a type itself.
      ...(method === 'POST' && { body: Buffer.from(text) }),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  }

  /** Executors would go on without their agent: they are ended first. */
  async close(): Promise<void> {
    for (const executorId of this.#begun) await this.#end(executorId);
    await this.gateway.close();
    await this.agent.close();
    await this.bus.close();
  }

  async #end(executorId: string): Promise<void> {
    const { exits } = this.executors;
    const answer = await this.executors.shutDown(executorId, 0);
    if (!answer.ok) return;
    await vi.waitUntil(() => exits.some(({ executor }) => executor.executorId === executorId), {
      ...{ timeout: WAIT_MS, interval: 100 },
    });
  }

  #logOf(executorId: string): string {
    return path.join(this.agent.workDirectory, `${executorId}.log`);
  }
}
