// Owns runs of the scale benchmark that are kept in a folder, one file for each number of agents, so that runs of several days go
// into one picture and one that fails loses no other.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';

const Result = z.object({
  name: z.string(),
  value: z.number(),
  unit: z.string(),
  aim: z.number().nullable(),
  reference: z.object({ value: z.number(), of: z.string() }).nullable(),
});
const Sample = z.object({
  seconds: z.number(),
  allocated: z.number(),
  shares: z.tuple([z.number(), z.number(), z.number()]).readonly(),
});
const KeptRun = z.object({
  agents: z.number(),
  probesMs: z.array(z.number()).readonly(),
  samples: z.array(Sample).readonly(),
  results: z.array(Result).readonly(),
});
export type KeptRun = z.infer<typeof KeptRun>;

const FILE = /^scale-\d+\.json$/;

/** In place of an earlier one with as many agents; the file's path. */
export function keepRun(folder: string, run: KeptRun): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `scale-${run.agents}.json`);
  writeFileSync(file, `${JSON.stringify(run, null, 1)}\n`);
  return file;
}

/** By number of agents, fewest first; none where there is no folder. Throws where a file is not what it is called. */
export function readRuns(folder: string): KeptRun[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder)
    .filter((name) => FILE.test(name))
    .map((name) => KeptRun.parse(JSON.parse(readFileSync(path.join(folder, name), 'utf8'))))
    .sort((a, b) => a.agents - b.agents);
}
