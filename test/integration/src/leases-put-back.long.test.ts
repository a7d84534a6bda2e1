// Owns the proof that no term of a real cluster goes back or comes twice when the bucket of leases is put back from an
// older copy, or deleted and made anew: masters notice, tell, and go on.
import { cpSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { provision, wantedStreams } from '@parley/actor/nats/provision';
import { compareEpochs, Epoch } from '@parley/protocol/epoch';
import { leaseBucketName } from '@parley/protocol/streams';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { succeeded } from './actor-fixture.ts';
import { cluster, TEST_TIMEOUT_MS, type WatchedProcess } from './cluster-fixture.ts';
import { HaCluster, LEADS, STANDS_BY } from './ha-fixture.ts';
import { mastersSay, untilMastersSay } from './rebuild-fixture.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const PUT_BACK = 'ALARM: the bucket of leases was put back from an older copy';
const RECREATED = 'ALARM: the bucket of leases was deleted and made anew';
const BUCKET = `KV_${leaseBucketName(cluster)}`;
let ha: HaCluster;

beforeEach(async () => {
  ha = await new HaCluster().start();
});
afterEach(() => ha.close());

const masters = () => [ha.fixture.service('master-1'), ha.fixture.service('master-2')];

/** Of all terms, in the order in which they began. */
function terms(): Epoch[] {
  const lines = masters().flatMap(({ output }) =>
    output.split('\n').filter((line) => line.includes(LEADS)),
  );
  return lines
    .map((line) => JSON.parse(line))
    .toSorted((one, other) => String(one.time).localeCompare(String(other.time)))
    .map(({ epoch }) => Epoch.parse(epoch));
}

function expectEachLater(): void {
  const told = terms();
  for (const [index, epoch] of told.slice(1).entries()) {
    const before = told[index] ?? epoch;
    expect(compareEpochs(epoch, before)).toBeGreaterThan(0);
  }
}

/** Where the server keeps the bucket. */
function bucketDirectory(): string {
  const found = readdirSync(path.join(ha.fixture.directory, 'server'), {
    recursive: true,
    withFileTypes: true,
  }).find((entry) => entry.isDirectory() && entry.name === BUCKET);
  if (found === undefined) throw new Error(`the server keeps no ${BUCKET}`);
  return path.join(found.parentPath, found.name);
}

/** The server is down for that long, as it is for whoever copies its files. */
async function whileDown(work: () => void): Promise<void> {
  await ha.fixture.server.stop();
  work();
  await ha.fixture.startServer();
}

async function copyBucket(): Promise<() => void> {
  const copy = path.join(ha.fixture.directory, 'copy');
  const place = bucketDirectory();
  await whileDown(() => cpSync(place, copy, { recursive: true }));
  return () => {
    rmSync(place, { recursive: true });
    cpSync(copy, place, { recursive: true });
  };
}

/** A term of the other master, begun after the copy was made. */
async function anotherTerm(): Promise<void> {
  const last = (one: WatchedProcess): number => one.line(LEADS).timeMs || 0;
  const [other, leader] = masters().toSorted((one, two) => last(one) - last(two));
  const [leads, stands] = [other?.count(LEADS) ?? 0, leader?.count(STANDS_BY) ?? 0];
  await leader?.end('SIGKILL');
  await other?.says(LEADS, leads);
  await leader?.start().says(STANDS_BY, stands);
}

/** Agents and the framework follow whoever leads now. */
async function expectWork(gate: string): Promise<void> {
  const tasks = ha.tasks(gate, 8);
  ha.fixture.open(gate);
  ha.framework.add(tasks);
  await ha.expectEachOnce(tasks);
}

test('an older copy is put back while masters run: the next term is later than all before, and an alarm says why', async () => {
  const putBack = await copyBucket();
  await anotherTerm();
  await expectWork('before');
  const running = ha.tasks('held', 4);
  ha.framework.add(running);
  await ha.framework.untilRunning(running.length);
  const began = mastersSay(ha.fixture, LEADS);
  await whileDown(putBack);
  await untilMastersSay(ha.fixture, LEADS, began);
  await untilMastersSay(ha.fixture, PUT_BACK);
  await expectWork('after');
  ha.fixture.open('held');
  await ha.expectEachOnce(running);
  expectEachLater();
});

test('an older copy is put back while no master runs: whoever starts knows of later terms from the books', async () => {
  const putBack = await copyBucket();
  // More than the test writes of masters that start carry the bucket on.
  for (let term = 0; term < 4; term += 1) await anotherTerm();
  await expectWork('before');
  for (const master of masters()) await master.end('SIGKILL');
  await whileDown(putBack);
  const began = mastersSay(ha.fixture, LEADS);
  for (const master of masters()) master.start();
  await untilMastersSay(ha.fixture, LEADS, began);
  await untilMastersSay(ha.fixture, PUT_BACK);
  await expectWork('after');
});

test('the bucket is deleted and made anew while masters run: terms go on above those before, and an alarm says so', async () => {
  const provisioner = await ha.fixture.connect('provisioner', 'provisioner', 'books');
  const place = { cluster, principals: [], replicas: 1, maxStreamBytes: 64 * 1024 ** 2 } as const;
  await anotherTerm();
  const began = mastersSay(ha.fixture, LEADS);
  await provisioner.request(`$JS.API.STREAM.DELETE.${BUCKET}`, '');
  succeeded(await provision(provisioner, wantedStreams(place)));
  await untilMastersSay(ha.fixture, LEADS, began);
  await untilMastersSay(ha.fixture, RECREATED);
  await expectWork('after');
  expectEachLater();
});
