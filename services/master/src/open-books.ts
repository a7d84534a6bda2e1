// Owns what a term begins with: the books that a standby holds, those that are read, or new ones where the old ones are
// lost. What is in new ones then is told by agents and frameworks, or was kept beside the old ones.
import type { JournalInfo } from '@parley/actor/journal';
import type { LeaseNote } from '@parley/actor/lease';
import { type JournalDamage, loadBooks } from '@parley/actor/load-replica';
import { Replica } from '@parley/actor/replica';
import type { SnapshotPassedOver } from '@parley/actor/snapshots';
import { beginSnapshot, writeSnapshot } from '@parley/actor/snapshots';
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { Effect } from '@parley/cluster/effects';
import type { Input, KeptSetting, Rebuilding } from '@parley/cluster/inputs';
import { inOrder } from '@parley/cluster/kept-settings';
import { type Failure, type Outcome, succeed } from '@parley/protocol/errors';
import { PrincipalName } from '@parley/protocol/ids';
import type { ActorLog } from '@parley/telemetry/logger';
import { type BestSettings, bestSettings } from './best-settings.ts';
import type { TermSurroundings } from './term-surroundings.ts';

type MasterReplica = Replica<ClusterState, Input, Effect>;

export type OpenedBooks = {
  readonly replica: MasterReplica;
  readonly journalCreatedMs: number;
  /** The books are new, since the old ones are lost. */
  readonly rebuilding?: Rebuilding;
  /** To be put back into them. */
  readonly kept?: readonly KeptSetting[];
  /** Where the streams of updates end: what is in them, agents know better. */
  readonly positions?: readonly Extract<Input, { kind: 'updates' }>[];
  /** The lost past is still in journal or snapshots, and has to go. */
  readonly hasPast: boolean;
};

export type OpeningOptions = {
  /** What a standby holds. */
  readonly held: MasterReplica | undefined;
  /** What the leader before has left behind with the lease. */
  readonly note: LeaseNote | undefined;
  /** What it held last of whole books: they may be no more what the journal says. */
  readonly memory: MasterReplica | undefined;
  readonly goesOn: () => boolean;
  readonly onPassedOver: (report: SnapshotPassedOver) => void;
};

const RETRY_MS = 500;

/** Undefined: the term is over. Fails with `internalError` when this release cannot step the journal. */
export async function openBooks(
  around: TermSurroundings,
  { held, memory, note, goesOn, onPassedOver }: OpeningOptions,
): Promise<Outcome<OpenedBooks> | undefined> {
  const { journal, logger } = around;
  const asked = { around, memory, goesOn };
  const info = await untilAnswered(asked, () => journal.info());
  if (info === undefined || !info.ok) return info;
  if (held !== undefined && isOf(held, info.value, note)) {
    return withKept(asked, held, info.value);
  }
  const source = { ...around, report: onPassedOver };
  const known = note && { createdMs: note.createdMs, lastSequence: note.sequence };
  const loaded = await untilAnswered(asked, () => loadBooks(source, known ? { known } : {}));
  if (loaded === undefined || !loaded.ok) return loaded;
  const { replica, damage } = loaded.value;
  if (damage === undefined) return withKept(asked, replica, info.value);
  logger.error(
    { damage: damage.kind, sequence: damage.sequence },
    `ALARM: the books are lost: ${damage.message}`,
  );
  return anew(asked, replica, damage);
}

/** Whether the journal is the one that these books are of, as far as is known. */
function isOf(
  held: MasterReplica,
  { createdMs, lastSequence }: JournalInfo,
  note: LeaseNote | undefined,
): boolean {
  if (lastSequence < held.sequence) return false;
  return note === undefined || (note.createdMs === createdMs && note.sequence <= lastSequence);
}

/** New books behind the end of a journal that is damaged. */
async function anew(
  asked: Asked,
  last: MasterReplica,
  { kind, message }: JournalDamage,
): Promise<Outcome<OpenedBooks> | undefined> {
  const { journal, logger } = asked.around;
  const info = await untilAnswered(asked, () => journal.info());
  if (info === undefined || !info.ok) return info;
  const best = await bestKept(asked, last);
  if (best === undefined || !best.ok) return best;
  const kept = best.value.items;
  tellOrigin(logger, best.value);
  const { lastSequence, createdMs } = info.value;
  const replica = Replica.anew(asked.around.core, lastSequence, last.coreTimeMs);
  return succeed({
    replica,
    journalCreatedMs: createdMs,
    rebuilding: { kind, message },
    kept: inOrder(kept),
    positions: await positionsOf(asked.around, kept),
    hasPast: true,
  });
}

/** Books in which nobody has ever led are those of a new cluster, unless something is kept beside them. */
async function withKept(
  asked: Asked,
  replica: MasterReplica,
  { createdMs }: JournalInfo,
): Promise<Outcome<OpenedBooks> | undefined> {
  const { masterId, rebuilt } = replica.state.record;
  const opened = { replica, journalCreatedMs: createdMs, hasPast: false };
  const isNew = masterId === undefined;
  if (!isNew && rebuilt?.isRestored !== false) return succeed(opened);
  const best = await bestKept(asked, isNew ? undefined : replica);
  if (best === undefined || !best.ok) return best;
  const { items } = best.value;
  if (!isNew) return succeed({ ...opened, kept: inOrder(items) });
  if (items.length === 0) return succeed(opened);
  const message = 'there is no journal, and yet something is kept of a cluster';
  asked.around.logger.error({ records: items.length }, `ALARM: the books are lost: ${message}`);
  tellOrigin(asked.around.logger, best.value);
  const rebuilding = { kind: 'nothingKept', message } as const;
  const positions = await positionsOf(asked.around, items);
  return succeed({ ...opened, rebuilding, kept: inOrder(items), positions });
}

/**
 * Of the principals whose frameworks are known. No agent writes an update between its report and its being taken over, so
 * that whatever is in the streams by now is in the reports. One that cannot be read is read from its beginning.
 */
async function positionsOf(
  { endOfUpdates, logger }: TermSurroundings,
  kept: readonly KeptSetting[],
): Promise<Extract<Input, { kind: 'updates' }>[]> {
  const names = kept.flatMap(({ table, key }) =>
    table === 'frameworks' ? [PrincipalName.parse(key.slice(0, key.indexOf('/')))] : [],
  );
  const positions: Extract<Input, { kind: 'updates' }>[] = [];
  for (const principal of new Set(names)) {
    const standing = await endOfUpdates(principal);
    if (!standing.ok) {
      logger.warn({ principal, failure: standing.failure }, 'its updates are read from the first');
      continue;
    }
    const { createdMs: streamCreatedMs, lastSequence: readUpTo } = standing.value;
    positions.push({ kind: 'updates', principal, streamCreatedMs, updates: [], readUpTo });
  }
  return positions;
}

/** What operators had set, as far as anybody knows. */
async function bestKept(
  asked: Asked,
  last: MasterReplica | undefined,
): Promise<Outcome<BestSettings> | undefined> {
  const { openSettings, logger } = asked.around;
  const bucket = openSettings();
  const kept = await untilAnswered(asked, () =>
    bucket.readAll((subject) =>
      logger.error({ subject }, 'ALARM: a part of what is kept beside the books is no good'),
    ),
  );
  if (kept === undefined || !kept.ok) return kept;
  return succeed(bestSettings(kept.value, last, asked.memory));
}

function tellOrigin(logger: ActorLog, { from, items, asOf }: BestSettings): void {
  logger.error(
    { records: items.length, from, asOf },
    `the books are made anew from agents, frameworks and what operators had set, as ${ORIGINS[from]}`,
  );
}

const ORIGINS = {
  bucket: 'it is kept beside the books',
  books: 'the last good books say: what is kept beside them is older, or lost',
  memory: 'this master held it in memory: what is kept beside the books is older, or lost',
} as const;

/**
 * Makes the new books the only ones: a snapshot of them, then no others and no entry before it. Before anybody hears of
 * the term: whoever opens the books after a death in between makes them anew once more, and nothing is lost by that.
 * False when the term is over.
 */
export async function leaveThePast(
  around: TermSurroundings,
  replica: () => MasterReplica,
  goesOn: () => boolean,
): Promise<boolean> {
  const { journal, snapshots, clock } = around;
  const asked = { around, goesOn };
  const left = await untilAnswered(asked, async () => {
    const info = await journal.info();
    if (!info.ok) return info;
    const source = beginSnapshot(replica(), info.value.createdMs);
    const { sequence } = source.head;
    const written = await writeSnapshot(snapshots, source, () => clock.nowMs());
    if (!written.ok) return again(written.failure);
    const names = await snapshots.list();
    if (!names.ok) return names;
    for (const name of names.value) {
      if (name.sequence === sequence && name.writer === snapshots.writer) continue;
      const removed = await snapshots.remove(name);
      if (!removed.ok) return removed;
    }
    return journal.purgeBelow(sequence + 1);
  });
  return left?.ok === true;
}

const again = ({ message }: Failure): Outcome<never> => ({
  ok: false,
  failure: { code: 'unavailable', message },
});

type Asked = {
  readonly around: TermSurroundings;
  readonly memory?: MasterReplica | undefined;
  readonly goesOn: () => boolean;
};

/** Tries again while nobody answers. */
async function untilAnswered<Value>(
  { around, goesOn }: Asked,
  ask: () => Promise<Outcome<Value>>,
): Promise<Outcome<Value> | undefined> {
  let told: string | undefined;
  for (;;) {
    const answer = await ask();
    if (!goesOn()) return undefined;
    if (answer.ok || answer.failure.code !== 'unavailable') return answer;
    const { failure } = answer;
    if (told !== failure.message) around.logger.warn({ failure }, 'the books cannot be read yet');
    told = failure.message;
    await around.timers.wait(RETRY_MS);
  }
}
