// Owns the unpacked images of an agent: a directory each, named by its digest, which tasks share and nobody writes to. Bounded in
// bytes: what no task uses goes, least recently used first. All that it knows is on the disk, so it outlives the agent.
import { mkdir, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '@parley/actor/nats/system-clock';
import { measureDisk } from '@parley/isolation/disk-usage';
import { errorCode } from '@parley/isolation/file-failure';
import { runCommand } from '@parley/isolation/run-command';
import * as z from 'zod';
import { Staging } from '../fetching/staging.ts';

export type StoredImage = {
  /** A root filesystem. */
  readonly root: string;
  readonly environment: Readonly<Record<string, string>>;
};

export type ImageStoreOptions = {
  /** Its own alone. */
  readonly directory: string;
  /** More than that is kept only of what tasks use. */
  readonly maxBytes: number;
  /** Roots that runs name which have a process, or have yet to get one. Rejects when that cannot be known. */
  readonly rootsInUse: () => Promise<ReadonlySet<string>>;
};

/** Makes the root filesystem in an empty directory; gives the variables that the image sets. */
export type Unpack = (root: string) => Promise<StoredImage['environment']>;

const About = z.object({ environment: z.record(z.string(), z.string()), bytes: z.number() });
type About = z.infer<typeof About>;
const ABOUT = 'about.json';
const ROOT = 'root';
const NAME = /^sha256-[0-9a-f]{64}$/;
const MIB = 1024 * 1024;
const SYNC_TIMEOUT_MS = 600_000;

export class ImageStore {
  readonly #options: ImageStoreOptions;
  readonly #staging: Staging;
  readonly #underWay = new Map<string, Promise<void>>();
  /** Nothing is removed while somebody says that it is used from now on. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.#staging = new Staging(path.join(options.directory, 'unfinished'));
  }

  /** For what does not stay: files without a name, directories while they are worked in. */
  get staging(): Staging {
    return this.#staging;
  }

  /** Takes away what an earlier process has not finished, and what is more than there may be. Rejects with the file error. */
  async begin(): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    await this.#staging.makeReady();
    await this.collect();
  }

  /**
   * `use` is called with the image, which is unpacked before where it is not there, once for all who ask for it; what `use`
   * has done keeps it. Without `unpack` an image that is not there is not used: false. Rejects as they do.
   */
  async use(
    digest: string,
    use: (image: StoredImage) => Promise<void>,
    unpack?: Unpack,
  ): Promise<boolean> {
    for (;;) {
      if (await this.#usedNow(digest, use)) return true;
      if (unpack === undefined) return false;
      await this.#unpackOnce(digest, unpack);
    }
  }

  /** Removes what is more than there may be. Rejects when it cannot be known what is used, or with the file error. */
  async collect(): Promise<void> {
    if (bytesOf(await this.#entries()) <= this.#options.maxBytes) return;
    await this.#staging.inDirectory((trash) => this.#alone(() => this.#moveUnused(trash)));
  }

  #alone<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** No more than has to go. */
  async #moveUnused(trash: string): Promise<void> {
    const used = await this.#options.rootsInUse();
    const entries = await this.#entries();
    let bytes = bytesOf(entries);
    for (const { name, bytes: freed } of entries) {
      if (bytes <= this.#options.maxBytes) break;
      if (used.has(this.#rootOf(name))) continue;
      await rename(this.#placeOf(name), path.join(trash, name));
      bytes -= freed;
    }
  }

  #usedNow(digest: string, use: (image: StoredImage) => Promise<void>): Promise<boolean> {
    return this.#alone(async () => {
      const name = nameOf(digest);
      const about = await this.#aboutOf(name);
      if (about === undefined) return false;
      await use({ root: this.#rootOf(name), environment: about.environment });
      const nowS = systemClock.wallTimeMs() / 1000;
      await utimes(path.join(this.#placeOf(name), ABOUT), nowS, nowS);
      return true;
    });
  }

  #unpackOnce(digest: string, unpack: Unpack): Promise<void> {
    const underWay =
      this.#underWay.get(digest) ??
      this.#unpack(nameOf(digest), unpack).finally(() => this.#underWay.delete(digest));
    this.#underWay.set(digest, underWay);
    return underWay;
  }

  async #unpack(name: string, unpack: Unpack): Promise<void> {
    await this.#staging.inDirectory(async (directory) => {
      const entry = path.join(directory, name);
      const root = path.join(entry, ROOT);
      await mkdir(root, { recursive: true });
      const environment = await unpack(root);
      const { usedMib } = await measureDisk([entry]);
      const about: About = { environment, bytes: (usedMib.get(entry) ?? 0) * MIB };
      await writeFile(path.join(entry, ABOUT), JSON.stringify(about));
      // A power cut must not leave files that are empty under a digest that says what is in them.
      await runCommand(['sync', '--file-system', entry], {}, '', SYNC_TIMEOUT_MS);
      const place = this.#placeOf(name);
      if ((await this.#aboutOf(name)) === undefined) {
        await rename(place, path.join(directory, 'broken')).catch(ignoreMissing);
      }
      await rename(entry, place).catch(ignoreTaken);
    });
  }

  /** Least recently used first. */
  async #entries(): Promise<{ readonly name: string; readonly bytes: number }[]> {
    const names = (await readdir(this.#options.directory)).filter((name) => NAME.test(name));
    const entries = await Promise.all(
      names.map(async (name) => {
        const about = await this.#aboutOf(name);
        const status = await stat(path.join(this.#placeOf(name), ABOUT)).catch(() => undefined);
        return { name, bytes: about?.bytes ?? 0, usedMs: status?.mtimeMs ?? 0 };
      }),
    );
    return entries.toSorted((one, other) => one.usedMs - other.usedMs);
  }

  /** Undefined of what is not there, or was not written to its end. */
  async #aboutOf(name: string): Promise<About | undefined> {
    try {
      const text = await readFile(path.join(this.#placeOf(name), ABOUT), 'utf8');
      return About.parse(JSON.parse(text));
    } catch (error) {
      const isBroken = error instanceof SyntaxError || error instanceof z.ZodError;
      if (isBroken || errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  #placeOf(name: string): string {
    return path.join(this.#options.directory, name);
  }

  #rootOf(name: string): string {
    return path.join(this.#placeOf(name), ROOT);
  }
}

const bytesOf = (entries: readonly { readonly bytes: number }[]): number =>
  entries.reduce((sum, { bytes }) => sum + bytes, 0);

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}

/** What was asked for twice is the same. */
function ignoreTaken(error: unknown): void {
  if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
}

const nameOf = (digest: string): string => digest.replace(':', '-');
