// Tests where images come from and what of them is then in the store: from directories, tarballs and real servers on loopback,
// with the real tar; and what is refused.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { FetchPolicy } from '../fetching/fetch-policy.ts';
import { ImageSources } from './image-sources.ts';
import { ImageStore, type StoredImage } from './image-store.ts';
import { ARCHITECTURE, makeLayout, packed, sha256, writeBlob, writeIndex } from './made-layout.ts';

const MIB = 1024 * 1024;
const isRoot = process.geteuid?.() === 0;
let base: string;
let layout: string;
let asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.url ?? '');
  const file = path.join(base, (request.url ?? '').replace(/\?.*/, ''));
  if (existsSync(file) && statSync(file).isFile()) response.end(readFileSync(file));
  else response.writeHead(404).end();
});
let served: string;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  served = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'parley-images-'));
  layout = path.join(base, 'layout');
  mkdirSync(layout);
  asked = [];
});
afterEach(() => rmSync(base, { recursive: true }));

const lower = (): Buffer =>
  packed((directory) => {
    mkdirSync(path.join(directory, 'etc'));
    writeFileSync(path.join(directory, 'etc/name'), 'lower');
    writeFileSync(path.join(directory, 'etc/old'), 'lower');
    writeFileSync(path.join(directory, 'program'), 'runs', { mode: 0o755 });
  });
const upper = (): Buffer =>
  packed((directory) => {
    mkdirSync(path.join(directory, 'etc'));
    writeFileSync(path.join(directory, 'etc/name'), 'upper');
    writeFileSync(path.join(directory, 'etc/.wh.old'), '');
  });

/** What is used of a source. */
async function used(
  source: string,
  digest?: string,
  policy: Partial<FetchPolicy> = {},
): Promise<StoredImage> {
  const directory = path.join(base, 'images');
  const store = new ImageStore({ directory, maxBytes: MIB, rootsInUse: async () => new Set() });
  await store.begin();
  const allowed = {
    ...{ addresses: 'any' as const, directories: [base], timeoutMs: 20_000, maxBytes: 10 * MIB },
    ...policy,
  };
  const secrets = {
    workDirectory: directory,
    hidden: ['hidden', 'above/inner'].map((name) => path.join(base, name)),
  };
  const sources = new ImageSources(store, allowed, secrets);
  const all: StoredImage[] = [];
  await sources.use({ source, ...(digest && { digest }) }, async (image) => {
    all.push(image);
  });
  const [image] = all;
  if (image === undefined) throw new Error('nothing was used');
  expect(all).toHaveLength(1);
  expect(readdirSync(path.join(directory, 'unfinished'))).toEqual([]);
  return image;
}

const textOf = ({ root }: StoredImage, name: string): string =>
  readFileSync(path.join(root, name), 'utf8');

test('the layers of a layout are laid over each other, and its variables come along', async () => {
  const environment = ['PATH=/bin', 'A=b=c', 'HOME=/root', 'PARLEY_TASK_ID=x', 'not a name=1'];
  const { digest } = makeLayout(layout, [lower(), gzipSync(upper())], { environment });
  const image = await used(`file://${layout}`);
  expect(image.environment).toEqual({ PATH: '/bin', A: 'b=c' });
  expect(textOf(image, 'etc/name')).toBe('upper');
  expect(existsSync(path.join(image.root, 'etc/old'))).toBe(false);
  expect(path.basename(path.dirname(image.root))).toBe(digest.replace(':', '-'));
  if (isRoot) expect(statSync(path.join(image.root, 'program'))).toMatchObject({ uid: 0, gid: 0 });
  expect(statSync(path.join(image.root, 'program')).mode & 0o7777).toBe(0o755);
});

test('a layout comes from a server likewise, or in a tarball from either', async () => {
  const { digest } = makeLayout(layout, [lower(), upper()]);
  execFileSync('tar', ['-czf', path.join(base, 'layout.tgz'), '-C', layout, '.']);
  for (const source of [`${served}/layout`, `${served}/layout.tgz`, `file://${base}/layout.tgz`]) {
    const image = await used(source, digest);
    expect(textOf(image, 'etc/name')).toBe('upper');
    rmSync(path.join(base, 'images'), { recursive: true });
  }
  expect(asked).toContain(`/layout/blobs/${digest.replace(':', '/')}`);
});

test('what an address says behind its path is said for each part of the layout; a directory may be named anyhow', async () => {
  const { digest } = makeLayout(layout, [lower()]);
  await used(`${served}/layout?key=1`, digest);
  expect(asked.length).toBeGreaterThan(1);
  for (const each of asked) expect(each).toMatch(/^\/layout\/[^?]+\?key=1$/);
  rmSync(path.join(base, 'images'), { recursive: true });
  const odd = path.join(base, 'a #1? layout');
  renameSync(layout, odd);
  const image = await used(pathToFileURL(odd).href, digest);
  expect(textOf(image, 'etc/name')).toBe('lower');
});

test('what has the digest that was asked for is not fetched twice', async () => {
  const { digest } = makeLayout(layout, [lower()]);
  await used(`${served}/layout`, digest);
  asked = [];
  await used(`${served}/elsewhere`, digest);
  expect(asked).toEqual([]);
});

test('a layer may be packed by zstd', async () => {
  const media = 'application/vnd.oci.image';
  const layer = writeBlob(layout, zstdCompressSync(lower()), `${media}.layer.v1.tar+zstd`);
  const config = JSON.stringify({ os: 'linux', architecture: ARCHITECTURE });
  const manifest = {
    config: writeBlob(layout, config, `${media}.config.v1+json`),
    layers: [layer],
  };
  writeIndex(layout, [writeBlob(layout, JSON.stringify(manifest), `${media}.manifest.v1+json`)]);
  expect(textOf(await used(`file://${layout}`), 'etc/name')).toBe('lower');
});

test('of images for several platforms the one of the host is taken, of several of them the one that is named', async () => {
  const [here, other] = [path.join(base, 'here'), path.join(base, 'other')];
  for (const each of [here, other]) mkdirSync(each);
  const first = makeLayout(here, [lower()]);
  const second = makeLayout(other, [upper()]);
  const foreign = makeLayout(layout, [lower()], { architecture: 'riscv64' });
  for (const each of [here, other]) execFileSync('cp', ['-r', `${each}/blobs`, layout]);
  const entry = ({ digest }: { digest: string }, architecture = ARCHITECTURE) => ({
    ...{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 1 },
    platform: { os: 'linux', architecture },
  });
  writeIndex(layout, [entry(foreign, 'riscv64'), entry(second)]);
  expect(textOf(await used(`file://${layout}`), 'etc/name')).toBe('upper');
  writeIndex(layout, [entry(first), entry(second)]);
  await expect(used(`file://${layout}`)).rejects.toThrow('it holds several images for linux/');
  expect(textOf(await used(`file://${layout}`, first.digest), 'etc/name')).toBe('lower');
  writeIndex(layout, [entry(foreign, 'riscv64')]);
  await expect(used(`file://${layout}`)).rejects.toThrow('it holds no image for linux/');
  await expect(used(`file://${layout}`, foreign.digest)).rejects.toThrow('is for linux/riscv64');
});

test('a digest may name an index, which leads to the image of the host', async () => {
  const { digest } = makeLayout(layout, [lower()]);
  const index = JSON.stringify({ manifests: [{ mediaType: 'x', digest, size: 1 }] });
  const named = writeBlob(layout, index, 'application/vnd.oci.image.index.v1+json');
  const image = await used(`file://${layout}`, named.digest);
  expect(path.basename(path.dirname(image.root))).toBe(digest.replace(':', '-'));
});

test('a blob that is not what its name says is refused, a layer as well as the manifest', async () => {
  const { digest, layers } = makeLayout(layout, [lower()]);
  for (const each of [...layers, digest]) {
    const file = path.join(layout, 'blobs', each.replace(':', '/'));
    const before = readFileSync(file);
    writeFileSync(file, Buffer.concat([before, Buffer.from(' ')]));
    await expect(used(`file://${layout}`, digest)).rejects.toThrow(
      `its blob ${each} is not what its name says`,
    );
    writeFileSync(file, before);
  }
  await expect(used(`file://${layout}`, sha256('another'))).rejects.toThrow(
    'there is no such file below a directory',
  );
  await expect(used(`${served}/layout`, sha256('another'))).rejects.toThrow('status 404');
});

test('a tarball of a root filesystem is what its digest says, or refused', async () => {
  const body = gzipSync(lower());
  writeFileSync(path.join(base, 'root.tar.gz'), body);
  const source = `file://${base}/root.tar.gz`;
  await expect(used(source, sha256('another'))).rejects.toThrow(
    `its digest is ${sha256(body)}, not ${sha256('another')}`,
  );
  const image = await used(source);
  expect(textOf(image, 'etc/old')).toBe('lower');
  expect(await used(`${served}/gone.tar.gz`, sha256(body))).toEqual(image);
});

test('a directory of the host that is a root filesystem is used as it is, without a digest', async () => {
  mkdirSync(path.join(base, 'root'));
  const source = `file://${base}/root`;
  expect(await used(source)).toEqual({ root: path.join(base, 'root'), environment: {} });
  await expect(used(source, sha256('x'))).rejects.toThrow('has no digest: say none');
});

test('no directory of the host is used that is hidden from tasks, or holds what is', async () => {
  for (const name of ['hidden', 'above/inner'])
    mkdirSync(path.join(base, name), { recursive: true });
  for (const name of ['hidden', 'above', 'above/inner']) {
    await expect(used(`file://${base}/${name}`)).rejects.toThrow('what no task may see');
  }
});

test('nothing of the host is used that may not be fetched, by whatever link', async () => {
  makeLayout(layout, [lower()]);
  symlinkSync('/etc', path.join(base, 'link'));
  const refusal = 'there is no such file below a directory that this agent fetches from';
  await expect(used(`file://${base}/link`)).rejects.toThrow(refusal);
  await expect(used('file:///etc')).rejects.toThrow(refusal);
  await expect(used(`file://${layout}`, undefined, { directories: [] })).rejects.toThrow(
    'fetches no files of its host',
  );
  const blobs = path.join(layout, 'blobs/sha256');
  const [blob = ''] = readdirSync(blobs);
  rmSync(path.join(blobs, blob));
  symlinkSync('/etc/passwd', path.join(blobs, blob));
  await expect(used(`file://${layout}`)).rejects.toThrow(refusal);
  await expect(used(`${served}/layout`, undefined, { addresses: 'private' })).rejects.toThrow(
    'from which nothing is fetched',
  );
});

test('links of a tarball lead nowhere while it is read as a layout', async () => {
  makeLayout(layout, [lower()]);
  rmSync(path.join(layout, 'index.json'));
  symlinkSync('/etc/passwd', path.join(layout, 'index.json'));
  execFileSync('tar', ['-cf', path.join(base, 'evil.tar'), '-C', layout, '.']);
  await expect(used(`file://${base}/evil.tar`)).rejects.toThrow('index.json: it is not there');
});

test('nothing gets out of a layer: not over links, absolute names, `..`, or hard links', async () => {
  const outside = path.join(base, 'outside');
  mkdirSync(outside);
  chmodSync(outside, 0o777);
  writeFileSync(path.join(outside, 'secret'), 'of the host', { mode: 0o644 });
  const link = packed((directory) => symlinkSync(outside, path.join(directory, 'way')));
  const over = packed((directory) => {
    mkdirSync(path.join(directory, 'way'));
    writeFileSync(path.join(directory, 'way/evil'), '');
  });
  makeLayout(layout, [link, over]);
  const image = await used(`file://${layout}`);
  expect(lstatSync(path.join(image.root, 'way')).isDirectory()).toBe(true);
  const named = (name: string): Buffer =>
    packed(
      (directory) => writeFileSync(path.join(directory, 'evil'), ''),
      ...['-P', `--transform=s,^evil$,${name},`],
    );
  makeLayout(layout, [named(`${outside}/evil`)]);
  expect(existsSync(path.join((await used(`file://${layout}`)).root, outside, 'evil'))).toBe(true);
  makeLayout(layout, [named(`../../../../../../../..${outside}/evil`)]);
  await expect(used(`file://${layout}`)).rejects.toThrow("Member name contains '..'");
  const hard = packed(
    (directory) => {
      writeFileSync(path.join(directory, 'a'), '');
      execFileSync('ln', [path.join(directory, 'a'), path.join(directory, 'b')]);
    },
    ...['-P', `--transform=s,^a$,${outside}/secret,h`],
  );
  makeLayout(layout, [hard]);
  await used(`file://${layout}`).catch(() => undefined);
  expect(readdirSync(outside)).toEqual(['secret']);
  expect(statSync(path.join(outside, 'secret')).nlink).toBe(1);
});

test.runIf(isRoot)('devices are left out, and setuid bits taken away', async () => {
  const layer = packed((directory) => {
    mkdirSync(path.join(directory, 'dev'));
    execFileSync('mknod', [path.join(directory, 'dev/null'), 'c', '1', '3']);
    execFileSync('mknod', [path.join(directory, 'disk'), 'b', '8', '0']);
    writeFileSync(path.join(directory, 'program'), '');
    chmodSync(path.join(directory, 'program'), 0o4755);
  });
  makeLayout(layout, [layer]);
  const { root } = await used(`file://${layout}`);
  expect(readdirSync(root).toSorted()).toEqual(['dev', 'program']);
  expect(readdirSync(path.join(root, 'dev'))).toEqual([]);
  expect(statSync(path.join(root, 'program')).mode & 0o7777).toBe(0o755);
});

test.runIf(isRoot)('however many devices an image has, they are left out of it', async () => {
  const layer = packed((directory) => {
    // A root filesystem in one, which nobody starts.
    const inner = path.join(directory, 'var/lib/machines/spare/dev');
    mkdirSync(inner, { recursive: true });
    const make = 'for i in $(seq 200); do mknod "terminal$i" c 4 "$i"; done';
    execFileSync('sh', ['-c', make], { cwd: inner });
    writeFileSync(path.join(directory, 'file'), 'there');
  });
  makeLayout(layout, [layer]);
  const { root } = await used(`file://${layout}`);
  expect(readdirSync(path.join(root, 'var/lib/machines/spare/dev'))).toEqual([]);
  expect(readFileSync(path.join(root, 'file'), 'utf8')).toBe('there');
});

test('an image that holds more than may be fetched is refused, all its layers taken together', async () => {
  const large = (name: string): Buffer =>
    gzipSync(packed((directory) => writeFileSync(path.join(directory, name), Buffer.alloc(MIB))));
  makeLayout(layout, [large('a'), large('b')]);
  await expect(used(`file://${layout}`, undefined, { maxBytes: 2 * MIB })).rejects.toThrow(
    /is larger than \d+ bytes, the limit/,
  );
  await used(`file://${layout}`, undefined, { maxBytes: 3 * MIB });
});
