// Owns how a verification reads on a screen.
import type { Verification } from '@parley/replay/verification';

export function describeVerification(found: Verification): string {
  const { fromSequence, toSequence, entries, inputs, snapshots, skipped, difference } = found;
  const lines = [
    `stepped ${entries} entries (${fromSequence} to ${toSequence}) with ${inputs} inputs again`,
    ...snapshots.map(({ sequence, verdict }) => `snapshot ${sequence}: ${VERDICTS[verdict]}`),
    ...(snapshots.length === 0 ? ['there is no snapshot to compare with'] : []),
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

export const isSound = ({ snapshots }: Verification): boolean =>
  snapshots.every(({ verdict }) => verdict === 'equal');
