// Owns reading an image layout: which image of it is meant, and that what is read is what was promised, blob by blob.
// OCI Image Format Specification 1.1, "Image Layout", "Image Index", "Image Manifest", "Image Configuration".
import type { FileHandle } from 'node:fs/promises';
import { Sha256 } from '@parley/protocol/uris';
import * as z from 'zod';
import type { TarFormat } from '../fetching/archive.ts';
import { sha256Of } from '../fetching/checksum.ts';
import { FetchFailure } from '../fetching/fetch-failure.ts';

/** Fills an empty file with one of the layout, by its path in it. Rejects with a `FetchFailure`, or the file error. */
export type ReadFile = (name: string, into: FileHandle) => Promise<void>;

export type Layer = { readonly blob: Descriptor; readonly format: TarFormat };

export type LayoutImage = {
  /** Of the manifest. */
  readonly digest: string;
  /** The lowest first. */
  readonly layers: readonly Layer[];
  readonly environment: Readonly<Record<string, string>>;
};

const Descriptor = z.object({
  mediaType: z.string(),
  digest: Sha256,
  size: z.int().min(0),
  platform: z.object({ os: z.string(), architecture: z.string() }).optional(),
});
type Descriptor = z.infer<typeof Descriptor>;

const Index = z.object({ manifests: z.array(Descriptor).max(1024) });
const Manifest = z.object({ config: Descriptor, layers: z.array(Descriptor).min(1).max(512) });
const Config = z.object({
  os: z.string(),
  architecture: z.string(),
  config: z.object({ Env: z.array(z.string()).nullish() }).nullish(),
});

/** Of a manifest, an index, a configuration. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;
const MAX_INDEX_DEPTH = 3;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
const NAME_OF_VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

export class ImageLayout {
  readonly #read: ReadFile;
  readonly #newFile: () => Promise<FileHandle>;
  readonly #architecture: string;

  /** `newFile`: an empty file without a name. `architecture`: as Node names it. */
  constructor(
    read: ReadFile,
    newFile: () => Promise<FileHandle>,
    architecture: string = process.arch,
  ) {
    this.#read = read;
    this.#newFile = newFile;
    this.#architecture = ARCHITECTURES[architecture] ?? architecture;
  }

  /** `digest`: of its manifest, or of an index that leads to it. Rejects with a `FetchFailure`, or the file error. */
  async find(digest: string | undefined): Promise<LayoutImage> {
    const manifest =
      digest === undefined
        ? await this.#choose(parsed(Index, await this.#text('index.json'), 'index.json'), 0)
        : await this.#follow(digest, 0);
    const { config, layers } = parsed(Manifest, manifest.text, manifest.digest);
    const described = parsed(Config, await this.#json(config.digest), config.digest);
    if (described.os !== 'linux' || described.architecture !== this.#architecture) {
      const platform = `${described.os}/${described.architecture}`;
      throw new FetchFailure(`the image is for ${platform}, not ${this.#platform}`);
    }
    return {
      digest: manifest.digest,
      layers: layers.map((blob) => ({ blob, format: formatOf(blob) })),
      environment: environmentOf(described.config?.Env ?? []),
    };
  }

  /** Open, to be closed by the caller. Rejects likewise. */
  async layer({ blob }: Layer): Promise<FileHandle> {
    return this.#blob(blob.digest);
  }

  async #choose(index: z.infer<typeof Index>, depth: number): Promise<Found> {
    const fitting = index.manifests.filter(
      ({ platform }) => platform === undefined || this.#isHere(platform),
    );
    const [digest, ...others] = new Set(fitting.map((each) => each.digest));
    if (digest === undefined) {
      throw new FetchFailure(`it holds no image for ${this.#platform}`);
    }
    if (others.length > 0) {
      throw new FetchFailure(`it holds several images for ${this.#platform}: say \`digest\``);
    }
    return this.#follow(digest, depth);
  }

  /** What a digest stands for: a manifest, or an index of some. */
  async #follow(digest: string, depth: number): Promise<Found> {
    const text = await this.#json(digest);
    const index = Index.safeParse(jsonOf(text, digest));
    if (!index.success) return { digest, text };
    if (depth === MAX_INDEX_DEPTH) throw new FetchFailure('its indexes lead to each other');
    return this.#choose(index.data, depth + 1);
  }

  async #json(digest: string): Promise<string> {
    return readText(await this.#blob(digest), digest);
  }

  async #text(name: string): Promise<string> {
    return readText(await this.#file(name), name);
  }

  async #blob(digest: string): Promise<FileHandle> {
    const file = await this.#file(`blobs/${digest.replace(':', '/')}`);
    const found = await sha256Of(file);
    if (found === digest) return file;
    await file.close();
    throw new FetchFailure(`its blob ${digest} is not what its name says, but ${found}`);
  }

  async #file(name: string): Promise<FileHandle> {
    const file = await this.#newFile();
    try {
      await this.#read(name, file);
      return file;
    } catch (error) {
      await file.close();
      if (!(error instanceof FetchFailure)) throw error;
      throw new FetchFailure(`${name}: ${error.message}`, error.code);
    }
  }

  get #platform(): string {
    return `linux/${this.#architecture}`;
  }

  #isHere({ os, architecture }: { readonly os: string; readonly architecture: string }): boolean {
    return os === 'linux' && architecture === this.#architecture;
  }
}

type Found = { readonly digest: string; readonly text: string };

async function readText(file: FileHandle, name: string): Promise<string> {
  try {
    const { size } = await file.stat();
    if (size > MAX_JSON_BYTES) throw new FetchFailure(`${name} is too large for what it is`);
    const { buffer } = await file.read(Buffer.alloc(size), 0, size, 0);
    return buffer.toString();
  } finally {
    await file.close();
  }
}

function jsonOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FetchFailure(`${name} is no JSON`);
  }
}

function parsed<Shape extends z.ZodType>(shape: Shape, text: string, name: string): z.infer<Shape> {
  const result = shape.safeParse(jsonOf(text, name));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new FetchFailure(`${name}: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** Docker's own media types end alike. */
function formatOf({ mediaType }: Descriptor): TarFormat {
  if (/[+.]gzip$/.test(mediaType)) return 'gzip';
  if (/[+.]zstd$/.test(mediaType)) return 'zstd';
  if (/\.tar$/.test(mediaType)) return 'tar';
  throw new FetchFailure(`a layer of the kind ${mediaType} is not known`);
}

/** What a task may be given of it: its sandbox stays its home, and the names of its agent are its agent's. */
function environmentOf(assignments: readonly string[]): Record<string, string> {
  const entries = assignments
    .filter((each) => each.includes('='))
    .map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)] as const)
    .filter(([name, value]) => NAME_OF_VARIABLE.test(name) && !value.includes('\0'))
    .filter(([name]) => name !== 'HOME' && !name.startsWith('PARLEY_'));
  return Object.fromEntries(entries);
}
