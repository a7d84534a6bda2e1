import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { ClusterName } from '@parley/protocol/ids';
import { locateNatsServer } from '@parley/setup/nats-server';
import { SetupFailure } from '@parley/setup/setup-failure';
import { describe, expect, it } from 'vitest';
import { readCredentialFile, withConnection } from './account-connection.ts';
import { DiskJudge, watchDisk } from './disk-watch.ts';
import { type NatsServer, startNatsServer } from './nats-server.ts';

const MIB = 1024 ** 2;
const cluster = ClusterName.parse('c1');

it('a full disk is told once, and so is that there is room again', () => {
  const judge = new DiskJudge();
  const look = (freeMib: number, writeFailed = false) =>
    judge.look({ freeBytes: freeMib * MIB, writeFailed });
  expect(look(1000)).toBeUndefined();
  expect(look(7)).toEqual({ kind: 'full' });
  expect(look(6)).toBeUndefined();
  expect(look(30)).toBeUndefined();
  expect(look(64)).toEqual({ kind: 'room', restart: false });
  expect(look(64)).toBeUndefined();
});

it('a server that failed to write is to be started again once there is room', () => {
  const judge = new DiskJudge();
  expect(judge.look({ freeBytes: 20 * MIB, writeFailed: true })).toEqual({ kind: 'full' });
  expect(judge.look({ freeBytes: 900 * MIB, writeFailed: true })).toBeUndefined();
  expect(judge.look({ freeBytes: 900 * MIB, writeFailed: false })).toEqual({
    kind: 'room',
    restart: true,
  });
  expect(judge.look({ freeBytes: 900 * MIB, writeFailed: false })).toBeUndefined();
});

/** Runs with a disk of its own, which only root can make. */
async function onSmallDisk(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'parley-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', directory]);
  try {
    await run(directory);
  } finally {
    execFileSync('umount', [directory]);
    rmSync(directory, { recursive: true, force: true });
  }
}

const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)('as root, who can mount a small disk', () => {
  it('a start on a full disk ends with the reason and the remedy', async () => {
    await onSmallDisk(async (directory) => {
      fill(directory);
      const started = startNatsServer({ directory, cluster, actors: [], principals: [] });
      const error = await started.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(SetupFailure);
      expect(String(error)).toMatch(/is full[\s\S]*are free[\s\S]*free some space/);
    });
  });

  it.each(['reference', 'compatibility'] as const)(
    'a server of the %s tier whose disk fills up keeps what it acknowledged and writes again after the restart',
    async (tier) => {
      const { path: binary } = await locateNatsServer({ tier });
      await onSmallDisk((directory) => fillWhileRunning(directory, binary));
    },
  );
});

async function fillWhileRunning(directory: string, binary: string): Promise<void> {
  const options = { directory, cluster, actors: [], principals: [], binary };
  let server: NatsServer = await startNatsServer(options);
  let endWatch: (() => void) | undefined;
  try {
    const room = Promise.withResolvers<boolean>();
    const full = Promise.withResolvers<SetupFailure>();
    endWatch = watchDisk(server, { onFull: full.resolve, onRoom: room.resolve });
    await append(server, 1);
    const filler = fill(directory);
    await expect(append(server, 100)).rejects.toThrow();
    expect((await full.promise).remedy).toContain('free some space');
    const acknowledged = await countOf(server);
    rmSync(filler);
    expect(await room.promise).toBe(true);
    await server.stop();
    server = await startNatsServer({ ...options, port: server.port });
    expect(await countOf(server)).toBeGreaterThanOrEqual(acknowledged);
    await append(server, 1);
  } finally {
    endWatch?.();
    await server.stop();
  }
}

/** Leaves less than a megabyte. */
function fill(directory: string): string {
  const filler = join(directory, 'filler');
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(filler, Buffer.alloc(bavail * bsize - MIB / 2));
  return filler;
}

const SUBJECT = '$KV.parley_c1_principals.someone';

async function append(server: NatsServer, times: number): Promise<void> {
  await asProvisioner(server, async (connection) => {
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'KV_parley_c1_principals', subjects: [SUBJECT] });
    for (let index = 0; index < times; index += 1) {
      await jetstream(connection).publish(SUBJECT, Buffer.alloc(100_000), { timeout: 3000 });
    }
  });
}

const countOf = (server: NatsServer): Promise<number> =>
  asProvisioner(server, async (connection) => {
    const manager = await jetstreamManager(connection);
    return (await manager.streams.info('KV_parley_c1_principals')).state.messages;
  });

function asProvisioner<Result>(
  server: NatsServer,
  run: Parameters<typeof withConnection<Result>>[2],
): Promise<Result> {
  const credential = readCredentialFile(server.credentialFile('provisioner', 'provisioner'));
  return withConnection(credential, credential.seeds.books ?? '', run);
}
