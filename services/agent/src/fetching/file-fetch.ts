// Owns opening a file of the host for a fetch: only one below a directory that the operator allows, whatever links lead to it.
import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { fileFailure } from '@parley/isolation/file-failure';
import { FetchFailure } from './fetch-failure.ts';
import { type FetchPolicy, isBelowAny } from './fetch-policy.ts';

/** Rejects with a `FetchFailure`. What is not allowed is not told from what is not there. */
export async function openHostFile(url: string, policy: FetchPolicy): Promise<FileHandle> {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
  const refusal = 'there is no such file below a directory that this agent fetches from';
  let handle: FileHandle;
  try {
    handle = await open(fileURLToPath(url), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    throw new FetchFailure(policy.directories.length === 0 ? NONE : refusal);
  }
  try {
    // Asked of what was opened: a link may be another one by now.
    const file = await readlink(`/proc/self/fd/${handle.fd}`);
    const status = await handle.stat();
    if (!(await isBelowAny(policy.directories, file)) || !status.isFile()) {
      throw new FetchFailure(policy.directories.length === 0 ? NONE : refusal);
    }
    if (status.size > policy.maxBytes) {
      throw new FetchFailure(
        `it is larger than ${policy.maxBytes} bytes, the limit (--fetch-limit)`,
      );
    }
    return handle;
  } catch (error) {
    await handle.close();
    if (error instanceof FetchFailure) throw error;
    throw new FetchFailure(fileFailure(error).message);
  }
}

const NONE = 'this agent fetches no files of its host (--fetch-from)';
