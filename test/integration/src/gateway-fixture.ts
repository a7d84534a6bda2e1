// Owns a gateway of real processes for tests: in front of a cluster fixture, started, killed and started again on the
// same port. It tests nothing itself.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClusterFixture, WatchedProcess } from './cluster-fixture.ts';

const MAIN = fileURLToPath(new URL('../../../services/gateway/src/main.ts', import.meta.url));
const OPERATOR = 'olga';

export class GatewayFixture {
  readonly process: WatchedProcess;
  #url: string | undefined;

  /** `options`: of the gateway's command line; the principals' credentials and a place to listen are given. */
  constructor(cluster: ClusterFixture, ...options: readonly string[]) {
    const credential = cluster.credential('operator', OPERATOR);
    this.process = new WatchedProcess('gateway', [
      MAIN,
      ...['--creds', credential, '--principals', path.dirname(credential)],
      ...options,
    ]);
  }

  /** Such as `http://127.0.0.1:40123`. */
  get url(): string {
    if (this.#url === undefined) throw new Error('the gateway was not started');
    return this.#url;
  }

  /** On the port of the last time, or on a free one. */
  async start(): Promise<this> {
    const before = this.process.count('"msg":"started"');
    const port = this.#url === undefined ? '0' : new URL(this.#url).port;
    this.process.start('--listen', `127.0.0.1:${port}`);
    await this.process.says('"msg":"started"', before);
    this.#url = String(this.process.line('"msg":"started"')['url']);
    return this;
  }

  async close(): Promise<void> {
    await this.process.close();
  }
}
