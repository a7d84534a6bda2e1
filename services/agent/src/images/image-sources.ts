// Owns getting an image from where a description says that it is: into the store, or, a directory of the host that is a root
// filesystem, as it is. What may be fetched from, and for how long, is in fetching/fetch-policy.ts.
import { constants } from 'node:fs';
import { copyFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TaskImage } from '@parley/protocol/task-image';
import { type TarFormat, tarFormat } from '../fetching/archive.ts';
import { sha256Of } from '../fetching/checksum.ts';
import { FetchFailure } from '../fetching/fetch-failure.ts';
import type { FetchPolicy } from '../fetching/fetch-policy.ts';
import { nameOf } from '../fetching/fetcher.ts';
import { openHostFile, openHostPlace } from '../fetching/file-fetch.ts';
import { fetchHttp } from '../fetching/http-fetch.ts';
import { grantedVolumes, isSecret, type Secrets } from '../host-grants.ts';
import { openToRead, SandboxPathError } from '../sandbox-files.ts';
import { applyLayer } from './apply-layer.ts';
import { ImageLayout, type LayoutImage, type ReadFile } from './image-layout.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { unpackTarball } from './unpack-image.ts';

type Use = (image: StoredImage) => Promise<void>;

/** Of every layout (OCI Image Format Specification, "Image Layout"). */
const MARK = 'oci-layout';

export class ImageSources {
  readonly #store: ImageStore;
  readonly #policy: FetchPolicy;
  readonly #secrets: Secrets;

  constructor(store: ImageStore, policy: FetchPolicy, secrets: Secrets) {
    this.#store = store;
    this.#policy = policy;
    this.#secrets = secrets;
  }

  /** Rejects with a `FetchFailure`, or the file error. */
  async use({ source, digest }: TaskImage, use: Use): Promise<void> {
    // What has the digest is what was asked for, wherever it came from.
    if (digest !== undefined && (await this.#store.use(digest, use))) return;
    const url = new URL(source);
    const format = tarFormat(nameOf(source));
    if (url.protocol === 'file:') await this.#useOfHost(source, { format, digest }, use);
    else if (format !== undefined) {
      const fetched = await this.#staged((into) => this.#http(source, into));
      await this.#useTarball(fetched, { format, digest }, use);
    } else {
      await this.#useLayout((name, into) => this.#http(below(url, name), into), digest, use);
    }
  }

  async #useOfHost(source: string, { format, digest }: Unsure, use: Use): Promise<void> {
    const place = await openHostPlace(source, this.#policy);
    try {
      if ((await place.handle.stat()).isDirectory()) {
        await this.#useDirectory(place.path, digest, use);
        return;
      }
    } finally {
      await place.handle.close();
    }
    if (format === undefined) throw new FetchFailure('it is not named like a tarball');
    const file = await this.#staged((into) => this.#copy(source, into));
    await this.#useTarball(file, { format, digest }, use);
  }

  async #useDirectory(directory: string, digest: string | undefined, use: Use): Promise<void> {
    const read: ReadFile = (name, into) =>
      this.#copy(pathToFileURL(path.join(directory, name)).href, into);
    const isLayout = await hasMark(directory);
    if (isLayout) return this.#useLayout(read, digest, use);
    if (digest !== undefined) {
      throw new FetchFailure('a directory that is a root filesystem has no digest: say none');
    }
    const allowed = this.#policy.directories.map((each) => ({ path: each, readOnly: true }));
    const asked = { hostPath: directory, path: 'image', readOnly: true };
    const granted = await grantedVolumes([asked], allowed);
    if (!granted.ok) throw new FetchFailure(granted.failure.message);
    if (granted.value.some((each) => isSecret(each, this.#secrets))) {
      throw new FetchFailure('it is or holds what no task may see, such as what the agent keeps');
    }
    return use({ root: directory, environment: {} });
  }

  /** The file is closed. */
  async #useTarball(file: FileHandle, { format, digest }: Asked, use: Use): Promise<void> {
    try {
      const sum = await sha256Of(file);
      if (digest === undefined && (await this.#store.use(sum, use))) return;
      await this.#store.staging.inDirectory(async (directory) => {
        await this.#unpack(file, format, directory, this.#policy.maxBytes);
        if (await hasMark(directory)) {
          const read: ReadFile = (name, into) => copyOf(directory, name, into);
          await this.#useLayout(read, digest, use);
          return;
        }
        if (digest !== undefined && digest !== sum) throw mismatch(sum, digest);
        await this.#store.use(sum, use, async (root) => {
          await applyLayer(directory, root);
          return {};
        });
      });
    } finally {
      await file.close();
    }
  }

  async #useLayout(read: ReadFile, digest: string | undefined, use: Use): Promise<void> {
    const layout = new ImageLayout(read, () => this.#store.staging.file());
    const image = await layout.find(digest);
    await this.#store.use(image.digest, use, async (root) => {
      await this.#lay(layout, image, root);
      return image.environment;
    });
  }

  async #lay(layout: ImageLayout, { layers }: LayoutImage, root: string): Promise<void> {
    let leftBytes = this.#policy.maxBytes;
    for (const layer of layers) {
      const file = await layout.layer(layer);
      try {
        await this.#store.staging.inDirectory(async (directory) => {
          leftBytes -= await this.#unpack(file, layer.format, directory, leftBytes);
          await applyLayer(directory, root);
        });
      } finally {
        await file.close();
      }
    }
  }

  async #unpack(
    file: FileHandle,
    format: TarFormat,
    directory: string,
    maxBytes: number,
  ): Promise<number> {
    const { timeoutMs } = this.#policy;
    const scratch = await this.#store.staging.file();
    try {
      return await unpackTarball({ file, format, directory, scratch, maxBytes, timeoutMs });
    } finally {
      await scratch.close();
    }
  }

  async #staged(fill: (into: FileHandle) => Promise<void>): Promise<FileHandle> {
    const file = await this.#store.staging.file();
    try {
      await fill(file);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #http(url: string, into: FileHandle): Promise<void> {
    // It goes on when the task is killed that wanted it first: others may wait for it, and the next one finds it.
    const { signal } = new AbortController();
    await fetchHttp({ url, into, policy: this.#policy, signal });
  }

  async #copy(url: string, into: FileHandle): Promise<void> {
    const from = await openHostFile(url, this.#policy);
    try {
      await copyFile(pathOf(from), pathOf(into), constants.COPYFILE_FICLONE);
    } finally {
      await from.close();
    }
  }
}

/** What the address says behind its path, such as who may fetch it, stays. */
function below(base: URL, name: string): string {
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/*$/, '')}/${name}`;
  return url.href;
}

type Unsure = Omit<Asked, 'format'> & { readonly format: TarFormat | undefined };
type Asked = { readonly format: TarFormat; readonly digest: string | undefined };

async function hasMark(directory: string): Promise<boolean> {
  try {
    await (await openToRead(directory, MARK)).close();
    return true;
  } catch (error) {
    if (error instanceof SandboxPathError) return false;
    throw error;
  }
}

/** Of what was unpacked, which may hold links. */
async function copyOf(directory: string, name: string, into: FileHandle): Promise<void> {
  let from: FileHandle;
  try {
    from = await openToRead(directory, name);
  } catch (error) {
    throw error instanceof SandboxPathError ? new FetchFailure('it is not there') : error;
  }
  try {
    await copyFile(pathOf(from), pathOf(into), constants.COPYFILE_FICLONE);
  } finally {
    await from.close();
  }
}

const mismatch = (found: string, asked: string): FetchFailure =>
  new FetchFailure(`its digest is ${found}, not ${asked}`);

const pathOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;
