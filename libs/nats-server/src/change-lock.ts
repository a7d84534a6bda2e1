// Owns that only one process at a time changes a cluster's directory: a file that holds the changer's pid.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from '@parley/setup/setup-failure';
import { identify, waitFor } from './server-process.ts';

const LOCK_TIMEOUT_MS = 60_000;

/**
 * Runs the change alone. A lock whose holder has died is taken over.
 * @throws SetupFailure when another process holds the lock for longer than a minute
 */
export async function alone<Result>(
  directory: string,
  change: () => Promise<Result>,
): Promise<Result> {
  const path = join(directory, 'change.lock');
  if (!(await waitFor(() => take(path), LOCK_TIMEOUT_MS))) {
    throw new SetupFailure({
      what: `the cluster in ${directory} cannot be changed now`,
      why: `process ${readHolder(path)} has been changing it for over a minute`,
      remedy: `wait for that process; remove ${path} when it is stuck`,
    });
  }
  try {
    return await change();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const holder = readHolder(path);
  if (holder !== undefined && identify(holder) === undefined) rmSync(path, { force: true });
  return false;
}

/** Undefined while the holder is still writing its pid, or when it has just let go. */
function readHolder(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    // The holder has let go meanwhile.
    return undefined;
  }
}
