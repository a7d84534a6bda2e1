// Owns the proof that leases on a real bucket have one holder at a time.
import type { LeaseTiming } from '@parley/actor/lease';
import { LeaseHolder } from '@parley/actor/lease-holder';
import { KvLeaseStore } from '@parley/actor/nats/kv-lease-store';
import type { Epoch } from '@parley/protocol/epoch';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type ActorFixture,
  cluster,
  startRuntime,
  TEST_TIMEOUT_MS,
  until,
} from './actor-fixture.ts';
import { TIERS } from './bus-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

/** Long enough for a server to be started again meanwhile. */
const timing: LeaseTiming = { leaseMs: 60_000, renewMs: 100, selfFenceMs: 50_000, retryMs: 100 };

async function stand(
  runtime: ActorFixture,
  id: 'master-1' | 'master-2',
  options: { timing?: LeaseTiming; holder?: string } = {},
) {
  const won: Epoch[] = [];
  let lost = 0;
  const connection = await runtime.connect('master', id, 'books');
  const lease = new LeaseHolder({
    store: new KvLeaseStore({ connection, cluster, key: 'master', onDamaged: () => undefined }),
    holder: options.holder ?? id,
    timing: options.timing ?? timing,
    onWon: (epoch) => void won.push(epoch),
    onLost: () => {
      lost += 1;
    },
  });
  lease.start();
  return { lease, won, lost: () => lost };
}

describe.each(TIERS)('on a server of the %s tier', (tier) => {
  let runtime: ActorFixture | undefined;
  const standing: LeaseHolder[] = [];
  afterEach(async () => {
    await Promise.all(standing.splice(0).map((lease) => lease.stop()));
    await runtime?.close();
    runtime = undefined;
  });

  test('one candidate wins, the other waits and takes over when it is released, with a later epoch', async () => {
    runtime = await startRuntime(tier);
    const first = await stand(runtime, 'master-1');
    standing.push(first.lease);
    await until(() => first.lease.mayAct());
    const second = await stand(runtime, 'master-2');
    standing.push(second.lease);
    await until(() => second.lease.holder === 'master-1');
    expect(second.lease.mayAct()).toBe(false);
    await first.lease.stop();
    expect(first.lease.mayAct()).toBe(false);
    await until(() => second.lease.mayAct());
    const [before, after] = [first.won[0], second.won[0]];
    expect(after?.bucketCreatedMs).toBe(before?.bucketCreatedMs);
    expect(after?.revision).toBeGreaterThan(before?.revision ?? Number.POSITIVE_INFINITY);
  });

  test('a process that was killed takes its own lease again at once, and the older one notices', async () => {
    runtime = await startRuntime(tier);
    const before = await stand(runtime, 'master-1');
    standing.push(before.lease);
    await until(() => before.lease.mayAct());
    const again = await stand(runtime, 'master-1');
    standing.push(again.lease);
    await until(() => again.lease.mayAct() && before.lost() === 1);
    expect(before.lease.mayAct()).toBe(false);
  });

  test('a holder keeps its lease when the server dies and comes back', async () => {
    runtime = await startRuntime(tier);
    const { lease, won, lost } = await stand(runtime, 'master-1');
    standing.push(lease);
    await until(() => lease.mayAct());
    await runtime.killAndRestart();
    const observer = await stand(runtime, 'master-2');
    standing.push(observer.lease);
    await until(() => observer.lease.holder === 'master-1');
    expect([won.length, lost()]).toEqual([1, 0]);
    expect(lease.mayAct()).toBe(true);
  });

  test('a holder that cannot renew stops acting before another one may start', async () => {
    runtime = await startRuntime(tier);
    const short = { leaseMs: 4000, renewMs: 100, selfFenceMs: 1500, retryMs: 100 };
    const { lease, lost } = await stand(runtime, 'master-1', { timing: short });
    standing.push(lease);
    await until(() => lease.mayAct());
    process.kill(runtime.server.pid, 'SIGKILL');
    await until(() => lost() === 1);
    expect(lease.mayAct()).toBe(false);
    await runtime.server.stop();
    await runtime.start();
    const next = await stand(runtime, 'master-2', { timing: short });
    standing.push(next.lease);
    await until(() => next.lease.mayAct());
  });
});
