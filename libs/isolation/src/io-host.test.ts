// Tests finding the disk of a directory, on files as sysfs shows them, and on this host.
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findIoHost, type IoPlaces } from './io-host.ts';

let root: string;
let places: IoPlaces;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'parley-io-host-'));
  // A null device, of characters, is a node that every host has; it stands for what is no disk.
  places = { blockDevices: path.join(root, 'block'), deviceNodes: path.join(root, 'dev') };
  const [disk, partition] = [path.join(root, 'devices/sda'), path.join(root, 'devices/sda/sda1')];
  await mkdir(partition, { recursive: true });
  await mkdir(places.blockDevices);
  await mkdir(places.deviceNodes);
  await writeFile(path.join(disk, 'uevent'), 'MAJOR=8\nMINOR=0\nDEVNAME=sda\n');
  await writeFile(path.join(partition, 'uevent'), 'MAJOR=8\nMINOR=1\nDEVNAME=sda1\n');
  await writeFile(path.join(partition, 'partition'), '1\n');
  const { dev } = await stat(root);
  const numbers = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  await symlink(partition, path.join(places.blockDevices, numbers));
  await symlink('/dev/null', path.join(places.deviceNodes, 'sda'));
});
afterAll(() => rm(root, { recursive: true }));

it('a partition is limited by its whole disk, which must be there as a block device', async () => {
  const question = { directory: root, controllers: ['blkio'], places };
  expect(await findIoHost(question)).toEqual({
    lacks: expect.stringContaining('dev/sda is no block device'),
  });
});

it('without the controller nothing is limited, nor in a file system without a disk', async () => {
  const question = { directory: root, places };
  expect(await findIoHost({ ...question, controllers: ['cpu', 'memory'] })).toEqual({
    lacks: expect.stringContaining('controller'),
  });
  expect(await findIoHost({ directory: '/proc', controllers: ['io'] })).toEqual({
    lacks: expect.stringContaining('/proc is not on a disk'),
  });
});
