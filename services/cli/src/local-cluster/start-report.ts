// Owns the text of what a start prints at its end: the commonest words, the metrics, what to try. Values in, lines
// out; how the metrics are defined stands in infra/docs/glossary.md.
import { formatPercent } from '../cluster-summary.ts';
import type { Measured } from '../cluster-watch.ts';
import type { Job } from '../metrics/jobs.ts';
import type { SlotReport } from '../metrics/slots.ts';
import { plotCourse, type ResourceUtilisation } from '../metrics/utilisation.ts';

export const PLOT_COLUMNS = 48;
const SHOWN_WORDS = 20;
const WORD_COLUMNS = 4;

export type WordCount = { readonly word: string; readonly count: number };

/** From `word<TAB>count` lines: the commonest first, equal ones by word. */
export function commonestWords(table: string): WordCount[] {
  const counts = table
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [word = '', count = '0'] = line.split('\t');
      return { word, count: Number(count) };
    });
  counts.sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1));
  return counts.slice(0, SHOWN_WORDS);
}

export function wordLines(words: readonly WordCount[]): string[] {
  if (words.length === 0) return ['no words in the input'];
  const rows = Math.ceil(words.length / WORD_COLUMNS);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: WORD_COLUMNS }, (__, column) => words[column * rows + row])
      .filter((each) => each !== undefined)
      .map(({ word, count }) => `${String(count).padStart(8)} ${word.padEnd(12)}`)
      .join('')
      .trimEnd(),
  );
}

export function metricLines({ jobs, utilisation, slots }: Measured): string[] {
  return [
    ...jobs.map(jobLine),
    ...utilisation
      .filter(({ resource }) => resource === 'cpus' || resource === 'mem')
      .map(utilisationLine),
    slotLine(slots),
  ];
}

function jobLine(job: Job): string {
  const rampUp = job.rampUpMs === undefined ? 'not reached' : formatSeconds(job.rampUpMs);
  const completion = job.completionMs === undefined ? 'goes on' : formatSeconds(job.completionMs);
  return `${job.name.padEnd(10)} ramp-up ${rampUp}, job completion ${completion} (${job.endedTasks} tasks)`;
}

function utilisationLine({ resource, allocated, used, course }: ResourceUtilisation): string {
  const measured = used === undefined ? 'not measured' : formatPercent(used);
  const means = `allocated ${formatPercent(allocated)}, used ${measured}`;
  return `${resource.padEnd(10)} ${means.padEnd(30)} ${plotCourse(course)}`;
}

function slotLine({ slots, peak, mean }: SlotReport): string {
  if (peak === undefined || mean === undefined) return `slots      ${slots}; no task ever waited`;
  return `slots      ${slots}; in use while tasks waited: peak ${peak}, mean ${mean.toFixed(1)}`;
}

export const formatSeconds = (milliseconds: number): string =>
  `${(milliseconds / 1000).toFixed(1)} s`;

/** Can be pasted as they stand. `--context` only where the cluster would not be found without it. */
export function commandsToTry(cluster: string): string[] {
  const parley = cluster === 'local' ? 'npx parley' : `npx parley --context ${cluster}`;
  return [
    `${parley} status`,
    `${parley} run --instances 200 --cpus 0.1 --mem 32MiB -- sh -c 'echo hello'`,
    `${parley} task list --all`,
    `${parley} logs agent-1`,
  ];
}
