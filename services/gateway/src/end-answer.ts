// Owns the end of an answer that goes on, told to whoever reads it: what was sent still arrives, where it is read.
import type { ServerResponse } from 'node:http';

/** What was not read by then is not waited for. */
const TAKE_MS = 10_000;

/** Ends it with `last`; broken off when that is not taken soon. */
export function endSoon(answer: ServerResponse, last?: string | Uint8Array): void {
  if (answer.closed || answer.destroyed) return;
  const timer = setTimeout(() => answer.destroy(), TAKE_MS);
  answer.once('close', () => clearTimeout(timer));
  if (last === undefined) answer.end();
  else answer.end(last);
}
