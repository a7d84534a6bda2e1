import { PrincipalName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import type { StreamPosition } from './cluster-view.ts';
import { StreamLooks } from './stream-looks.ts';

const alice = PrincipalName.parse('alice');
const bob = PrincipalName.parse('bob');

/** A leader's term of 130 s in which each look writes to the streams that it looks at, and reads that back. */
function aTerm(streams: readonly PrincipalName[], writtenByOthers: readonly PrincipalName[] = []) {
  const positions = new Map<PrincipalName, StreamPosition>();
  const write = (principal: PrincipalName) => {
    const sequence = (positions.get(principal)?.sequence ?? 0) + 1;
    positions.set(principal, { principal, createdMs: 7, sequence });
  };
  for (const principal of streams) write(principal);
  const looks: { readonly nowMs: number; readonly principals: readonly PrincipalName[] }[] = [];
  let nowMs = 0;
  const term = new StreamLooks({
    nowMs,
    view: { streamPositions: () => positions.values() },
    look: (principals) => {
      looks.push({ nowMs, principals });
      for (const principal of principals) write(principal);
    },
  });
  for (; nowMs <= 130_000; nowMs += 50) {
    term.look(nowMs, [alice, 'not a name.']);
    for (const principal of writtenByOthers) write(principal);
  }
  return looks;
}

test('a term looks soon after it began and then once a minute', () => {
  expect(aTerm([]).map(({ nowMs }) => nowMs)).toEqual([5000, 65_000, 125_000]);
});

test('every look tries every stream, whatever was read of it since the look before', () => {
  const quiet = aTerm([bob]);
  expect(quiet.map(({ principals }) => principals)).toEqual(
    Array.from({ length: 3 }, () => [alice, bob]),
  );
  expect(aTerm([bob], [bob])).toEqual(quiet);
});

test('a principal of whom nothing was ever read is looked at as well', () => {
  expect(aTerm([])[0]?.principals).toEqual([alice]);
});
