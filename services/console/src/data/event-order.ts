// Owns the order of events and putting together what was heard in pieces that may overlap. Pure.

export type Placed = { readonly sequence: number; readonly index: number };

export const isAfter = (one: Placed, other: Placed): boolean =>
  one.sequence > other.sequence || (one.sequence === other.sequence && one.index > other.index);

/** In order, each once, the last so many. Both are in order themselves. */
export function mergeEvents<Told extends Placed>(
  known: readonly Told[],
  more: readonly Told[],
  most: number,
): readonly Told[] {
  const [last, first] = [known.at(-1), more[0]];
  if (first === undefined) return known;
  if (last === undefined || isAfter(first, last)) return [...known, ...more].slice(-most);
  const all = [...known, ...more].sort((a, b) => a.sequence - b.sequence || a.index - b.index);
  return all
    .filter((one, at) => {
      const before = all[at - 1];
      return before === undefined || isAfter(one, before);
    })
    .slice(-most);
}
