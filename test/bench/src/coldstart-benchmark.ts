// Owns measuring a start from nothing but what is kept: the newest snapshot of a large cluster and the journal's entries
// after it, read from a real nats-server, everything checked, until the state is there to lead with.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@parley/actor/nats/system-clock';
import { beginSnapshot, writeSnapshot } from '@parley/actor/snapshots';
import * as z from 'zod';
import { MASTER, openBooks, unwrap, withBooks } from './bench-books.ts';
import { JournalLoad } from './journal-load.ts';
import { type Benchmark, median, type Result, rounded } from './measurement.ts';

const SIZE = { agents: 50_000, frameworks: 200, tasksAnAgent: 2 };
/** Agents whose tasks end and are followed by others after the snapshot: about four inputs each. */
const TAIL_AGENTS = 2500;
const RUNS = 5;
const AIM_SECONDS = 5;

export const coldstartBenchmark: Benchmark = {
  name: 'coldstart',
  summary: 'a start from snapshot and journal with 50,000 agents and 100,000 tasks',
  run: (say) =>
    withBooks(async (server) => {
      const { connection, journal, snapshots } = await openBooks(server);
      let tail = { entries: 0, inputs: 0 };
      const load = new JournalLoad(SIZE, async ({ inputs }, request) => {
        const appended = await journal.append(request);
        if (appended.kind !== 'committed') throw new Error(`an entry was ${appended.kind}`);
        tail = { entries: tail.entries + 1, inputs: tail.inputs + inputs };
      });
      say(`making a cluster of ${SIZE.agents} agents with ${SIZE.tasksAnAgent} tasks each`);
      await load.fill();
      const snapshot = unwrap(
        await writeSnapshot(snapshots, beginSnapshot(load.replica), () => systemClock.nowMs()),
      );
      tail = { entries: 0, inputs: 0 };
      await load.turnOver(TAIL_AGENTS);
      say(`${snapshot.parts} parts, ${tail.entries} entries of ${tail.inputs} inputs after them`);
      await connection.close();

      const hash = load.replica.hash();
      const starts: ColdStart[] = [];
      for (let run = 0; run < RUNS; run += 1) {
        const start = await startOnce(server.credentialFile('master', MASTER));
        if (start.hash !== hash) throw new Error('another state was loaded');
        const { seconds, cpuSeconds, longestTurnMs } = start;
        say(
          `${seconds.toFixed(2)} s (${cpuSeconds.toFixed(2)} s of processor), longest turn ${longestTurnMs.toFixed(0)} ms`,
        );
        starts.push(start);
      }
      return results(starts);
    }),
};

const ColdStart = z.object({
  seconds: z.number(),
  cpuSeconds: z.number(),
  longestTurnMs: z.number(),
  hash: z.string(),
});
type ColdStart = z.infer<typeof ColdStart>;

/** In a process that holds nothing else, as a master does. */
async function startOnce(credentialFile: string): Promise<ColdStart> {
  const file = path.join(import.meta.dirname, 'coldstart-process.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [file, credentialFile]);
  return ColdStart.parse(JSON.parse(stdout));
}

function results(starts: readonly ColdStart[]): Result[] {
  const row = (name: string, values: readonly number[], unit: string, aim: number | null) => ({
    name,
    value: rounded(median(values)),
    unit,
    aim,
    reference: null,
  });
  return [
    row(
      'coldstart.50000',
      starts.map(({ seconds }) => seconds),
      's',
      AIM_SECONDS,
    ),
    row(
      'coldstart.processor',
      starts.map(({ cpuSeconds }) => cpuSeconds),
      's',
      null,
    ),
    row(
      'coldstart.longestturn',
      starts.map(({ longestTurnMs }) => longestTurnMs),
      'ms',
      null,
    ),
  ];
}
