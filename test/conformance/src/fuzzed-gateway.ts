// Owns a gateway in front of a cluster, for tests that throw things at it. It tests nothing itself.
import { readFileSync } from 'node:fs';
import { ClusterFixture, until } from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { expect } from 'vitest';

const KIBIBYTE = 1024;

export class FuzzedGateway implements AsyncDisposable {
  readonly #cluster: ClusterFixture;
  readonly #gateway: GatewayFixture;

  private constructor(cluster: ClusterFixture, gateway: GatewayFixture) {
    this.#cluster = cluster;
    this.#gateway = gateway;
  }

  /** It answers executors too, as one on the host of an agent does. */
  static async open(): Promise<FuzzedGateway> {
    const cluster = new ClusterFixture();
    await cluster.start();
    const gateway = new GatewayFixture(
      cluster,
      '--default-principal',
      'alice',
      '--for-agent',
      'a1',
    );
    await gateway.start();
    await until(
      async () => (await fetch(`${gateway.url}/readyz`)).status === 200,
      () => `the gateway is ready: ${gateway.process.output.slice(-2000)}`,
    );
    return new FuzzedGateway(cluster, gateway);
  }

  get url(): string {
    return this.#gateway.url;
  }

  /** Its resident memory, as the kernel counts it. */
  residentBytes(): number {
    const pid = this.#gateway.process.line('"msg":"started"')['pid'];
    const [, kibibytes] =
      /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kibibytes) * KIBIBYTE;
  }

  /** The process that was started still runs and answers. */
  async expectWell(): Promise<void> {
    expect(this.#gateway.process.isRunning).toBe(true);
    const answer = await fetch(`${this.url}/healthz`);
    expect(answer.status).toBe(200);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway.close();
    await this.#cluster.close();
  }
}
