// Owns `server.json`: what is known of the server that a directory started last, so that another process can find it.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

/** What a measurement has otherwise than the rest; see `ServerNode`. */
export const ServerTuning = z.object({
  sync: z.enum(['always', 'default']).optional(),
  monitorPort: z.int().min(1).max(65_535).optional(),
});
export type ServerTuning = z.infer<typeof ServerTuning>;

const ServerState = z.object({
  /** Differs at every start: by it the server on a port is known to be ours. */
  serverName: z.string(),
  port: z.int().min(1).max(65_535),
  binary: z.string(),
  serverVersion: z.string(),
  process: z.object({ pid: z.int().min(1), startTicks: z.number() }),
  tuning: ServerTuning.optional(),
});
export type ServerState = z.infer<typeof ServerState>;

const pathOf = (directory: string): string => join(directory, 'server.json');

/** @returns undefined when nothing was started here, or the file cannot be understood: then a start begins anew */
export function readServerState(directory: string): ServerState | undefined {
  const path = pathOf(directory);
  if (!existsSync(path)) return undefined;
  try {
    return ServerState.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Cut off by a full disk or of another version: what it says is only a shortcut.
    return undefined;
  }
}

export function writeServerState(directory: string, state: ServerState): void {
  const partial = `${pathOf(directory)}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(partial, pathOf(directory));
}
