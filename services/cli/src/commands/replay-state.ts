// Owns `parley replay state` and `parley replay diff`: the books of the master as they were, and what changed in between.

import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { ReplayCursor } from '@parley/replay/cursor';
import { type Difference, differenceOf, pictureOf, TaskChanges } from '@parley/replay/difference';
import type { Moment } from '@parley/replay/moments';
import { type StoredAt, storedAt } from '@parley/replay/replay-source';
import type { ClusterSummary } from '../cluster-summary.ts';
import { printJson, printPage } from '../print.ts';
import { describeDifference } from '../replay/difference-page.ts';
import { timeOf } from '../replay/line-page.ts';
import { type ReplayPlace, withWholePast } from '../replay/replay-place.ts';
import { entryAtMoment, orThrow, type WholePast } from '../replay/whole-past.ts';
import { readMetrics, type StatusMetrics } from '../status-metrics.ts';
import { describeStatus } from '../status-page.ts';
import { summarise } from '../summarise.ts';

export type StateOptions = {
  readonly at: Moment;
  /** Also what only the whole history tells: jobs. */
  readonly jobs: boolean;
  readonly json: boolean;
};

type PastStatus = {
  readonly at: StoredAt;
  readonly summary: ClusterSummary;
  readonly metrics: StatusMetrics;
};

export async function replayStateCommand(place: ReplayPlace, options: StateOptions): Promise<void> {
  const { at, summary, metrics } = await withWholePast(place, (whole) => statusAt(whole, options));
  const time = timeOf(at.storedMs);
  if (options.json) printJson({ at: { entry: at.sequence, time }, ...summary, metrics });
  else {
    printPage(`as of entry ${at.sequence}, ${time}\n`);
    printPage(describeStatus(summary, metrics));
  }
}

async function statusAt(whole: WholePast, { at, jobs }: StateOptions): Promise<PastStatus> {
  const { cluster, source, past } = whole;
  const sequence = await entryAtMoment(whole, at);
  const start = jobs ? Math.min(past.startSequence, sequence) : sequence;
  const cursor = orThrow(await ReplayCursor.open(source, start));
  const events: NumberedEvent[] = [];
  const advanced = await cursor.advance(sequence, ({ effects, context }) => {
    const { coreTimeMs, wallTimeMs } = context;
    for (const [index, effect] of effects.entries()) {
      if (effect.kind !== 'event') continue;
      const at = { sequence: context.sequence, index, coreTimeMs, wallTimeMs };
      events.push({ ...at, event: effect.event, isNew: false });
    }
    return true;
  });
  orThrow(advanced);
  const { state } = cursor.replica;
  return {
    at: orThrow(await storedAt(source.journal, sequence)),
    summary: summarise({ cluster, state, sequence }),
    metrics: readMetrics({ state, events }),
  };
}

export async function replayDiffCommand(
  place: ReplayPlace,
  moments: readonly [Moment, Moment],
  json: boolean,
): Promise<void> {
  const { from, to, difference } = await withWholePast(place, (whole) =>
    differenceBetween(whole, moments),
  );
  if (!json) printPage(describeDifference(from, to, difference));
  else {
    const at = ({ sequence, storedMs }: StoredAt) => ({ entry: sequence, time: timeOf(storedMs) });
    printJson({ from: at(from), to: at(to), ...difference });
  }
}

/** From the earlier moment to the later one, whichever was named first. */
async function differenceBetween(
  whole: WholePast,
  [one, other]: readonly [Moment, Moment],
): Promise<{ from: StoredAt; to: StoredAt; difference: Difference }> {
  const { source } = whole;
  const sequences = [await entryAtMoment(whole, one), await entryAtMoment(whole, other)] as const;
  const [earlier, later] = [Math.min(...sequences), Math.max(...sequences)];
  const cursor = orThrow(await ReplayCursor.open(source, earlier));
  const before = pictureOf(cursor.replica.state);
  const changes = new TaskChanges();
  orThrow(
    await cursor.advance(later, ({ effects }) => {
      changes.apply(effects);
      return true;
    }),
  );
  const after = pictureOf(cursor.replica.state);
  return {
    from: orThrow(await storedAt(source.journal, earlier)),
    to: orThrow(await storedAt(source.journal, later)),
    difference: differenceOf(before, after, changes.list()),
  };
}
