// Owns from where on a file of a task is still on the disk: of its two outputs the agent may have given back the older part.
import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { outputFile, readFirstKept } from '@parley/isolation/kept-output';

const STREAMS = ['stdout', 'stderr'] as const;

/**
 * Offset of the first byte that is kept; 0 for every other file, also for one that the task has put in the place of its
 * output. Never rejects.
 */
export async function firstKeptOf(
  runDirectory: string,
  parts: readonly Uint8Array[],
  status: BigIntStats,
): Promise<number> {
  const [name] = parts;
  if (name === undefined || parts.length > 1) return 0;
  const stream = STREAMS.find((each) => Buffer.from(each).equals(name));
  if (stream === undefined) return 0;
  try {
    const own = await stat(outputFile(runDirectory, stream), { bigint: true });
    if (own.ino !== status.ino || own.dev !== status.dev) return 0;
    const first = await readFirstKept(runDirectory, stream);
    // A task that has emptied its output has begun a new one.
    return first <= Number(status.size) ? first : 0;
  } catch {
    // It was never cut, or its run directory is gone.
    return 0;
  }
}
