// Owns bringing what a description names in `uris` into a sandbox: from a server, a directory of the host or the agent's cache,
// checked, unpacked where it is an archive. How each of these is done is in the files beside this one.
import { constants } from 'node:fs';
import { copyFile, type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { fileFailure } from '@parley/isolation/file-failure';
import { runCommand } from '@parley/isolation/run-command';
import type { PrincipalName } from '@parley/protocol/ids';
import { SandboxPath } from '@parley/protocol/sandbox-path';
import type { Uri } from '@parley/protocol/uris';
import type { DiskBudget } from '../disk-budget.ts';
import type { CachedName, ObjectCache } from '../object-cache.ts';
import { openDirectoryInside, openToWrite, ownerOf, SandboxPathError } from '../sandbox-files.ts';
import type { StepFailure } from '../supervisor-messages.ts';
import { Turns } from '../turns.ts';
import { type ArchiveFormat, archiveFormat, unpack } from './archive.ts';
import { chunksOf, sha256Of } from './checksum.ts';
import { isRoot } from './confined-command.ts';
import { FetchFailure, TooLarge } from './fetch-failure.ts';
import type { FetchPolicy } from './fetch-policy.ts';
import { openHostFile } from './file-fetch.ts';
import { fetchHttp } from './http-fetch.ts';
import { moveInside } from './move-inside.ts';
import { SharedWork } from './shared-work.ts';
import { Staging } from './staging.ts';

export type FetcherOptions = {
  readonly workDirectory: string;
  readonly policy: FetchPolicy;
  readonly cache: ObjectCache;
};

export type FetchRequest = {
  readonly principal: PrincipalName;
  readonly sandboxDirectory: string;
  readonly uris: readonly Uri[];
  /** Ends it: what it is for is over. */
  readonly signal: AbortSignal;
  readonly budget: DiskBudget;
};

type Asked = Omit<FetchRequest, 'uris'> & { readonly uri: Uri };

/** A principal alone has half of them. */
const MAX_TASKS_AT_ONCE = 32;
const MAX_TAGS = 16_384;
/** What a server says beside what is asked for, such as where it is, has room in any case. */
const LEAST_BYTES = 1024 * 1024;

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #staging: Staging;
  readonly #shared = new SharedWork();
  /** Of what is, or was, in the cache: what the server called it. */
  readonly #tags = new Map<string, string>();
  readonly #turns = new Turns(MAX_TASKS_AT_ONCE);

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#staging = new Staging(path.join(options.workDirectory, 'fetching'));
  }

  /** One after the other. Undefined when all are there. May be repeated. Never rejects. */
  async fetch({ uris, ...request }: FetchRequest): Promise<StepFailure | undefined> {
    if (uris.length === 0) return undefined;
    return this.#turns.run(request.principal, async () => {
      for (const uri of uris) {
        const failure = await this.#fetchOne({ ...request, uri });
        if (failure !== undefined) return failure;
      }
      return undefined;
    });
  }

  async #fetchOne(asked: Asked): Promise<StepFailure | undefined> {
    const { principal, uri, signal } = asked;
    try {
      signal.throwIfAborted();
      const place = (file: FileHandle): Promise<void> => this.#place(asked, file);
      if (isShared(uri)) {
        const key = JSON.stringify([principal, uri.value, uri.checksum]);
        const cached = (stop: AbortSignal) => this.#cached({ principal, uri, signal: stop });
        await this.#shared.use(key, cached, place, signal);
        return undefined;
      }
      const file = await this.#fresh(asked);
      try {
        await place(file);
      } finally {
        await file.close();
      }
      return undefined;
    } catch (error) {
      const { code, message } = fileFailure(error);
      const what = `${uri.value}: ${message}`;
      if (error instanceof FetchFailure) return { code: error.code, message: what };
      if (error instanceof SandboxPathError || code !== 'diskFull')
        return { code: 'fetchFailed', message: what };
      return { code, message: what };
    }
  }

  /** From its source, checked. */
  async #fresh({ uri, signal, budget }: Asked): Promise<FileHandle> {
    return this.#staged(async (file) => {
      // Of what is packed only what is in it counts.
      const isPlain = [undefined, 'tar'].includes(formatOf(uri));
      await this.#within(isPlain ? budget : undefined, async (policy) => {
        if (uri.value.startsWith('file:')) await copyHostFile(uri, file, policy);
        else await fetchHttp({ url: uri.value, into: file, policy, signal });
      });
      await verify(file, uri.checksum);
    });
  }

  /** No more comes to the disk, not even aside, than the task may hold there. Without a budget: than the agent fetches at all. */
  async #within(
    budget: DiskBudget | undefined,
    work: (policy: FetchPolicy) => Promise<void>,
  ): Promise<void> {
    const { policy } = this.#options;
    const left = Math.max(budget?.leftBytes ?? Number.POSITIVE_INFINITY, LEAST_BYTES);
    if (left >= policy.maxBytes) return work(policy);
    try {
      await work({ ...policy, maxBytes: left });
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      throw new FetchFailure(budget?.refusal(left + 1) ?? error.message);
    }
  }

  /** From the cache where it is current there, else from its source, and then kept. */
  async #cached({
    principal,
    uri,
    signal,
  }: Omit<Asked, 'sandboxDirectory' | 'budget'>): Promise<FileHandle> {
    const { cache, policy } = this.#options;
    const { value: url, checksum } = uri;
    const byTag = { principal, object: `fetch:${url}` };
    const knownTag = this.#tags.get(JSON.stringify(byTag));
    const name: CachedName | undefined =
      checksum === undefined
        ? knownTag === undefined
          ? undefined
          : { ...byTag, digest: knownTag }
        : { principal, object: 'fetch:', digest: checksum };
    const known = name && (await cache.find(name));
    if (known !== undefined && checksum !== undefined) return known;
    let isKnown = false;
    try {
      const fetched = await this.#staged(async (file) => {
        const condition = known && { knownTag };
        const answer = await fetchHttp({ url, into: file, policy, signal, ...condition });
        isKnown = answer.kind === 'unchanged';
        if (answer.kind === 'unchanged') return;
        await verify(file, checksum);
        const digest = checksum ?? answer.tag;
        if (digest === undefined) return;
        const kept = checksum === undefined ? byTag : { principal, object: 'fetch:' };
        await this.#keep(file, { ...kept, digest });
        if (answer.tag !== undefined) this.#remember(JSON.stringify(byTag), answer.tag);
      });
      if (!isKnown || known === undefined) return fetched;
      await fetched.close();
      return known;
    } finally {
      if (!isKnown) await known?.close();
    }
  }

  async #keep(file: FileHandle, name: CachedName): Promise<void> {
    const { size } = await file.stat();
    const copy = await this.#options.cache.begin(size);
    if (copy === undefined) return;
    try {
      for await (const chunk of chunksOf(file)) await copy.write(chunk);
      await copy.keep(name);
    } finally {
      await copy.discard();
    }
  }

  #remember(key: string, tag: string): void {
    this.#tags.delete(key);
    this.#tags.set(key, tag);
    for (const oldest of this.#tags.keys()) {
      if (this.#tags.size <= MAX_TAGS) break;
      this.#tags.delete(oldest);
    }
  }

  async #staged(fill: (file: FileHandle) => Promise<void>): Promise<FileHandle> {
    const file = await this.#staging.file();
    try {
      await fill(file);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async #place(asked: Asked, file: FileHandle): Promise<void> {
    const { uri, sandboxDirectory } = asked;
    const name = nameOf(uri.value);
    const format = formatOf(uri);
    if (format !== undefined) {
      await this.#placeArchive(asked, { file, format });
      return;
    }
    const target = SandboxPath.safeParse(uri.outputFile ?? name);
    if (!target.success) throw new FetchFailure('its address names no file: say `outputFile`');
    charge(asked, (await file.stat()).size);
    const into = await openToWrite(sandboxDirectory, target.data);
    try {
      await copyFile(pathOf(file), pathOf(into), constants.COPYFILE_FICLONE);
      await into.chmod(uri.executable ? 0o755 : 0o644);
    } finally {
      await into.close();
    }
  }

  async #placeArchive(
    asked: Asked,
    { file, format }: { readonly file: FileHandle; readonly format: ArchiveFormat },
  ): Promise<void> {
    const { uri, sandboxDirectory, signal } = asked;
    await this.#staging.inDirectory(async (directory) => {
      const makeScratch = (): Promise<FileHandle> => this.#staging.file();
      const onSize = (bytes: number): void => charge(asked, bytes);
      await this.#within(asked.budget, ({ maxBytes, timeoutMs }) => {
        const how = { maxBytes, timeoutMs, signal, onSize };
        return unpack({ file, format, directory, makeScratch, ...how });
      });
      await letInto(directory, sandboxDirectory, uri.outputFile);
    });
  }
}

async function copyHostFile({ value }: Uri, into: FileHandle, policy: FetchPolicy): Promise<void> {
  const from = await openHostFile(value, policy);
  try {
    await copyFile(pathOf(from), pathOf(into), constants.COPYFILE_FICLONE);
  } finally {
    await from.close();
  }
}

/** Undefined of what is not to be unpacked. */
const formatOf = ({ value, extract, executable }: Uri): ArchiveFormat | undefined =>
  extract && !executable ? archiveFormat(nameOf(value)) : undefined;

function charge({ budget }: Asked, bytes: number): void {
  const refusal = budget.refusal(bytes);
  if (refusal !== undefined) throw new FetchFailure(refusal);
  budget.take(bytes);
}

/** A file of the host is as near as the cache. */
const isShared = ({ cache, value }: Uri): boolean => cache && !value.startsWith('file:');

async function letInto(
  directory: string,
  sandbox: string,
  relative: string | undefined,
): Promise<void> {
  const home = await openDirectoryInside(sandbox, undefined);
  const { userId, groupId } = await ownerOf(home).finally(() => home.close());
  if (isRoot()) {
    const owner = `${userId}:${groupId}`;
    const { code, stderr } = await runCommand(['chown', '-hR', '--', owner, directory]);
    if (code !== 0) throw new FetchFailure(`it could not be given to the task: ${stderr}`);
  }
  const from = await open(directory, 'r');
  try {
    const into = await openDirectoryInside(sandbox, relative);
    try {
      await moveInside(from, into);
    } finally {
      await into.close();
    }
  } finally {
    await from.close();
  }
}

async function verify(file: FileHandle, checksum: string | undefined): Promise<void> {
  if (checksum === undefined) return;
  const found = await sha256Of(file);
  if (found !== checksum) throw new FetchFailure(`its checksum is ${found}, not ${checksum}`);
}

/** The last part of the address, as people read it; empty where there is none. */
export function nameOf(url: string): string {
  const name = path.posix.basename(new URL(url).pathname);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const pathOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;
