// Owns reading how long the host's tasks wait for memory and CPU, as the kernel tells it (PSI, /proc/pressure). What follows
// from it is in qos-controller.ts.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Pressure } from './qos-controller.ts';

/** Kernels since 4.20 have it, where it is not switched off. */
const PRESSURE_DIRECTORY = '/proc/pressure';

/** @param directory with the files `memory` and `cpu` in the kernel's format */
export function readPressure(directory = PRESSURE_DIRECTORY): Pressure {
  return {
    memory: someOf(path.join(directory, 'memory')),
    cpu: someOf(path.join(directory, 'cpu')),
  };
}

/** "some avg10=0.12 avg60=0.05 avg300=0.01 total=1234" */
function someOf(file: string): number | undefined {
  try {
    const [, avg10] = /^some avg10=(\d+\.\d+) /m.exec(readFileSync(file, 'utf8')) ?? [];
    return avg10 === undefined ? undefined : Number(avg10);
  } catch {
    // Not every kernel has it.
    return undefined;
  }
}
