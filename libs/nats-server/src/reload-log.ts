// Owns finding out from the server's log whether a reload was taken: SIGHUP has no answer of its own.
import { existsSync, readFileSync } from 'node:fs';
import { waitFor } from './server-process.ts';

const RELOADED = 'Reloaded server configuration';
const REFUSED = /Failed to reload server configuration: (.*)/;
const RELOAD_TIMEOUT_MS = 30_000;

export type ReloadResult =
  | { readonly taken: true }
  | { readonly taken: false; readonly why: string };

/**
 * Runs `askToReload` and waits for the line that the server writes about it.
 * @param logFile of the server; may be rotated meanwhile
 */
export async function waitForReload(
  logFile: string,
  askToReload: () => void,
): Promise<ReloadResult> {
  const before = readLog(logFile).length;
  let result: ReloadResult = { taken: false, why: 'the server did not answer within 30 s' };
  askToReload();
  await waitFor(() => {
    const log = readLog(logFile);
    // A log that became shorter was rotated: all of it is new.
    const added = log.length < before ? log : log.slice(before);
    const refused = REFUSED.exec(added);
    if (refused !== null) result = { taken: false, why: refused[1] ?? 'no reason given' };
    else if (added.includes(RELOADED)) result = { taken: true };
    else return false;
    return true;
  }, RELOAD_TIMEOUT_MS);
  return result;
}

const readLog = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
