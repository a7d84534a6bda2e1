// Makes image layouts, and root filesystems of programs of this host, for tests. It tests nothing itself.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export type MadeLayout = {
  /** Of the manifest. */
  readonly digest: string;
  /** Of the layers, the lowest first. */
  readonly layers: readonly string[];
};

export const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;
const MEDIA = 'application/vnd.oci.image';

export const sha256 = (body: Buffer | string): string =>
  `sha256:${createHash('sha256').update(body).digest('hex')}`;

/** Packs what `build` puts into an empty directory. `options`: of tar. */
export function packed(build: (directory: string) => void, ...options: string[]): Buffer {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-packed-'));
  try {
    build(directory);
    const words = ['--create', '--owner=0', '--group=0', ...options, '-C', directory, '--'];
    return execFileSync('tar', [...words, ...readdirSync(directory)], { maxBuffer: 2 ** 27 });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** `layers`: tarballs as they are, or by gzip. */
export function makeLayout(
  directory: string,
  layers: readonly Buffer[],
  { environment = [], architecture = ARCHITECTURE }: MadeImage = {},
): MadeLayout {
  const config = { os: 'linux', architecture, config: { Env: environment } };
  const described = layers.map((layer) => {
    const isPacked = layer.subarray(0, 2).toString('hex') === '1f8b';
    return writeBlob(directory, layer, `${MEDIA}.layer.v1.tar${isPacked ? '+gzip' : ''}`);
  });
  const manifest = {
    schemaVersion: 2,
    config: writeBlob(directory, JSON.stringify(config), `${MEDIA}.config.v1+json`),
    layers: described,
  };
  const { digest, ...rest } = writeBlob(
    ...([directory, JSON.stringify(manifest), `${MEDIA}.manifest.v1+json`] as const),
  );
  const platform = { os: 'linux', architecture };
  writeIndex(directory, [{ digest, ...rest, platform }]);
  return { digest, layers: described.map((each) => each.digest) };
}

export type MadeImage = {
  readonly environment?: readonly string[];
  readonly architecture?: string;
};

export function writeIndex(directory: string, manifests: readonly object[]): void {
  writeFileSync(path.join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const index = { schemaVersion: 2, manifests };
  writeFileSync(path.join(directory, 'index.json'), JSON.stringify(index));
}

/** Its descriptor. */
export function writeBlob(
  directory: string,
  body: Buffer | string,
  mediaType: string,
): { readonly mediaType: string; readonly digest: string; readonly size: number } {
  const blobs = path.join(directory, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const digest = sha256(body);
  writeFileSync(path.join(blobs, digest.replace('sha256:', '')), body);
  return { mediaType, digest, size: Buffer.byteLength(body) };
}

/** Copies programs of this host to the same places below a root, with what they are linked with. */
export function copyPrograms(root: string, programs: readonly string[]): void {
  for (const program of programs) {
    const needed = execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/\s(\/\S+) \(0x/g);
    for (const file of [program, ...[...needed].map(([, library = '']) => library)]) {
      const place = path.join(root, file);
      mkdirSync(path.dirname(place), { recursive: true });
      copyFileSync(file, place);
    }
  }
}
