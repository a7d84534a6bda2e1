// Owns a cluster behind two gateways for tests, with frameworks that are torn down after each test: offers that one holds
// nobody else has. It tests nothing itself.
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import type { Encoding } from '@parley/mesos-api/codec';
import { connectOperator, type OperatorLink } from '@parley/operator-sdk/operator-link';
import { succeeded } from '@parley/test-integration/actor-fixture';
import { ClusterFixture } from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { type Constraints, type Info, MesosClient, type Offer } from './mesos-client.ts';
import { accept, launch, shell } from './mesos-words.ts';

export class MesosCluster {
  readonly cluster = new ClusterFixture();
  readonly #gateways: GatewayFixture[] = [];
  readonly #clients: MesosClient[] = [];
  #operator: OperatorLink | undefined;

  async start(gateways: number): Promise<this> {
    await this.cluster.start();
    for (let count = 0; count < gateways; count += 1) {
      const gateway = new GatewayFixture(this.cluster, '--default-principal', 'alice');
      this.#gateways.push(await gateway.start());
    }
    return this;
  }

  gateway(index = 0): GatewayFixture {
    const gateway = this.#gateways[index];
    if (gateway === undefined) throw new Error('the gateway was not started');
    return gateway;
  }

  async operator(): Promise<OperatorLink> {
    const identity = succeeded(readCredentialFile(this.cluster.credential('operator', 'olga')));
    this.#operator ??= succeeded(await connectOperator(identity));
    return this.#operator;
  }

  async subscribed(
    info: Info,
    {
      encoding = 'json',
      at = 0,
      constraints,
    }: { encoding?: Encoding; at?: number; constraints?: Constraints } = {},
  ): Promise<MesosClient> {
    const client = await MesosClient.subscribe(this.gateway(at).url, info, {
      encoding,
      ...(constraints !== undefined && { constraints }),
    });
    this.#clients.push(client);
    return client.subscribed();
  }

  async tearDownAll(): Promise<void> {
    for (const client of this.#clients.splice(0)) {
      if (!client.isEnded) await client.call({ type: 'TEARDOWN' });
    }
  }

  async close(): Promise<void> {
    await this.#operator?.close();
    for (const gateway of this.#gateways) await gateway.close();
    await this.cluster.close();
  }
}

/** The task runs, and its first updates are acknowledged. */
export async function running(client: MesosClient, id: string, script: string): Promise<Offer> {
  const offer = await client.offer();
  await client.call(accept([offer], launch(shell(offer, id, script))));
  await client.follow(id, 'TASK_RUNNING');
  return offer;
}
