// Owns how a verification reads on a screen, and what is said when there was nothing to compare.
import type { Verification } from '@parley/replay/verification';
import type { FailureWords } from '../command-failure.ts';

export function describeVerification(found: Verification): string {
  const { fromSequence, toSequence, entries, inputs, snapshots, skipped, difference } = found;
  const lines = [
    `stepped ${entries} entries (${fromSequence} to ${toSequence}) with ${inputs} inputs again`,
    ...snapshots.map(({ sequence, verdict }) => `snapshot ${sequence}: ${VERDICTS[verdict]}`),
    ...skipped.map(
      ({ sequence, index, why }) =>
        `entry ${sequence}, input ${index}: left out by every master: ${why}`,
    ),
  ];
  if (difference !== undefined) {
    const { sequence, lastEqual, records, moreRecords } = difference;
    lines.push(
      `the first difference came between entry ${lastEqual + 1} and entry ${sequence}:`,
      ...records.flatMap(({ table, key, replayed, inSnapshot }) => [
        `  ${table} ${key}`,
        `    replayed:    ${JSON.stringify(replayed) ?? 'not there'}`,
        `    in snapshot: ${JSON.stringify(inSnapshot) ?? 'not there'}`,
      ]),
    );
    if (moreRecords > 0) lines.push(`  and ${moreRecords} records more`);
  }
  return `${lines.join('\n')}\n`;
}

const VERDICTS = {
  equal: 'equal',
  different: 'DIFFERENT',
  damaged: 'damaged: a part is missing or is not what was written',
} as const;

/** What is to be said where no state was compared, which proves nothing; undefined: at least one was looked at. */
export function nothingCompared({
  snapshots,
  fromSequence,
  toSequence,
}: Verification): FailureWords | undefined {
  if (snapshots.length > 0) return undefined;
  return {
    what: 'nothing was compared: that every entry can be stepped does not show that the states are as they were',
    why: `there is no snapshot of a state within entries ${fromSequence} to ${toSequence}`,
    remedy:
      'verify again when there is one: masters write them as the journal grows, and the last one that is told to end does',
  };
}

export const isSound = ({ snapshots }: Verification): boolean =>
  snapshots.every(({ verdict }) => verdict === 'equal');
