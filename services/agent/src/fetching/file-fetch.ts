// Owns opening what a fetch names of the host: only what is below a directory that the operator allows, whatever links lead to it.
import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fileFailure } from '@parley/isolation/file-failure';
import { FetchFailure, TooLarge } from './fetch-failure.ts';
import { type FetchPolicy, isBelowAny } from './fetch-policy.ts';

/** `path`: without links in it. */
export type HostPlace = { readonly handle: FileHandle; readonly path: string };

/** A file that is not too large. Rejects with a `FetchFailure`. What is not allowed is not told from what is not there. */
export async function openHostFile(url: string, policy: FetchPolicy): Promise<FileHandle> {
  const { handle } = await openHostPlace(url, policy);
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new FetchFailure(REFUSAL);
    if (status.size > policy.maxBytes) throw new TooLarge('it is', policy.maxBytes);
    return handle;
  } catch (error) {
    await handle.close();
    if (error instanceof FetchFailure) throw error;
    throw new FetchFailure(fileFailure(error).message);
  }
}

/** A file or a directory, to be closed by the caller. Rejects likewise. */
export async function openHostPlace(url: string, policy: FetchPolicy): Promise<HostPlace> {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
  if (policy.directories.length === 0) throw new FetchFailure(NONE);
  let handle: FileHandle;
  try {
    handle = await open(fileURLToPath(url), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    throw new FetchFailure(REFUSAL);
  }
  try {
    // Asked of what was opened: a link may be another one by now.
    const path = await readlink(`/proc/self/fd/${handle.fd}`);
    const status = await handle.stat();
    const isOfUse = status.isFile() || status.isDirectory();
    if (isOfUse && (await isBelowAny(policy.directories, path))) return { handle, path };
    throw new FetchFailure(REFUSAL);
  } catch (error) {
    await handle.close();
    if (error instanceof FetchFailure) throw error;
    throw new FetchFailure(fileFailure(error).message);
  }
}

const REFUSAL = 'there is no such file below a directory that this agent fetches from';
const NONE = 'this agent fetches no files of its host (--fetch-from)';
