// Owns measuring the memory of an allocator, in processes of its own: what else this one has done does not count.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as z from 'zod';
import type { Result } from '../measurement.ts';
import { against } from './targets.ts';

const AGENTS = 50_000;
const FRAMEWORKS = 200;
const RUNS = 5;
const CHILD = fileURLToPath(new URL('./memory-child.ts', import.meta.url));

const Measured = z.object({ peakMb: z.number(), offers: z.int() });

/** The most that the process ever had resident, its program and runtime included. */
export async function measureMemory(): Promise<Result[]> {
  const peaks: number[] = [];
  for (let count = 0; count < RUNS; count += 1) {
    const child = [CHILD, String(AGENTS), String(FRAMEWORKS)];
    const { stdout } = await promisify(execFile)(process.execPath, child);
    const { peakMb, offers } = Measured.parse(JSON.parse(stdout));
    if (offers !== AGENTS) throw new Error(`a round makes ${AGENTS} proposals, not ${offers}`);
    peaks.push(peakMb);
  }
  return [against('rss.50000x200', peaks)];
}
