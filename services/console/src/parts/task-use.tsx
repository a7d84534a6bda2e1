// Owns what a running task uses beside what it may use, as its agent measures it while somebody looks.
import type { TaskRow } from '@parley/cluster-view/view';
import { isPast } from '../data/past.ts';
import { useAsked } from '../data/use-asked.ts';
import { showBytes, showNumber, showPercent } from '../format/amounts.ts';

type Usage = {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly memoryPeakBytes?: number;
  readonly pids?: number;
  readonly throttledUs?: number;
};

const LOOK_MS = 2000;
/** Of a thousandth of a MiB. */
const BYTES = 1_048_576 / 1000;

export function TaskUse({ row }: { readonly row: TaskRow }) {
  const { principal, frameworkId, taskId, resources } = row;
  const path = [principal, frameworkId, taskId].map(encodeURIComponent).join('/');
  // Absent until its agent has told: that is no problem to be complained of.
  const { answer } = useAsked<{ usage: Usage | null }>(
    isPast.value ? undefined : `/v1/tasks/${path}/usage`,
    LOOK_MS,
  );
  const usage = answer?.usage;
  if (usage == null) return <span class="soft">not told yet</span>;
  const { cpus = 0, mem = 0 } = resources;
  return (
    <span class="use">
      <Use
        words={`${showNumber(usage.cpuMillis)} cpus, ${showPercent(usage.cpuMillis, cpus)} of its limit`}
        part={usage.cpuMillis}
        most={cpus}
      />
      <Use
        words={`${showBytes(usage.memoryBytes)} memory, ${showPercent(usage.memoryBytes, mem * BYTES)} of its limit`}
        part={usage.memoryBytes}
        most={mem * BYTES}
      />
      {usage.memoryPeakBytes !== undefined && (
        <span class="soft">at most {showBytes(usage.memoryPeakBytes)} so far</span>
      )}
      {usage.pids !== undefined && <span class="soft">{usage.pids} processes</span>}
    </span>
  );
}

const Use = ({
  words,
  part,
  most,
}: {
  readonly words: string;
  readonly part: number;
  readonly most: number;
}) => (
  <span>
    <meter min={0} max={Math.max(1, most)} value={part} aria-label={words} /> {words}
  </span>
);
