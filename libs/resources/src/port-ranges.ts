// Owns the algebra of port ranges: sorted, disjoint, coalesced lists of inclusive ranges.
// Every function takes ranges in any order and returns them in that normal form; nothing is mutated.
import type { PortRange } from '@parley/protocol/resources';

type Ranges = readonly PortRange[];

/** Sorted, with overlapping and adjacent ranges joined: [1,2] and [3,4] are [1,4]. */
export function normaliseRanges(ranges: Ranges): PortRange[] {
  const result: PortRange[] = [];
  for (const [begin, end] of isNormal(ranges) ? ranges : ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last !== undefined && begin <= last[1] + 1) {
      result[result.length - 1] = [last[0], Math.max(last[1], end)];
    } else {
      result.push([begin, end]);
    }
  }
  return result;
}

export function uniteRanges(a: Ranges, b: Ranges): PortRange[] {
  return normaliseRanges([...a, ...b]);
}

/** What is in `a` and not in `b`. */
export function subtractRanges(a: Ranges, b: Ranges): PortRange[] {
  const removed = normaliseRanges(b);
  const result: PortRange[] = [];
  let next = 0;
  for (const [begin, end] of normaliseRanges(a)) {
    let from = begin;
    while (next < removed.length && endOf(removed[next]) < from) next += 1;
    for (let index = next; index < removed.length; index += 1) {
      const hole = removed[index];
      if (hole === undefined || hole[0] > end) break;
      if (hole[0] > from) result.push([from, hole[0] - 1]);
      from = Math.max(from, hole[1] + 1);
    }
    if (from <= end) result.push([from, end]);
  }
  return result;
}

/** What is in both. */
export function intersectRanges(a: Ranges, b: Ranges): PortRange[] {
  const left = normaliseRanges(a);
  const right = normaliseRanges(b);
  const result: PortRange[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    const [one, other] = [left[i], right[j]];
    if (one === undefined || other === undefined) break;
    const begin = Math.max(one[0], other[0]);
    const end = Math.min(one[1], other[1]);
    if (begin <= end) result.push([begin, end]);
    if (one[1] < other[1]) i += 1;
    else j += 1;
  }
  return result;
}

/** Whether `a` holds every port of `b`. */
export function rangesContain(a: Ranges, b: Ranges): boolean {
  if (b.length === 0) return true;
  const holders = normaliseRanges(a);
  let index = 0;
  return normaliseRanges(b).every(([begin, end]) => {
    while (index < holders.length && endOf(holders[index]) < begin) index += 1;
    const holder = holders[index];
    return holder !== undefined && holder[0] <= begin && end <= holder[1];
  });
}

export function rangesEqual(a: Ranges, b: Ranges): boolean {
  const left = normaliseRanges(a);
  const right = normaliseRanges(b);
  return (
    left.length === right.length &&
    left.every(([begin, end], index) => begin === right[index]?.[0] && end === right[index][1])
  );
}

/** The `count` lowest ports, or undefined when there are fewer. */
export function lowestPorts(ranges: Ranges, count: number): PortRange[] | undefined {
  const result: PortRange[] = [];
  let missing = count;
  for (const [begin, end] of normaliseRanges(ranges)) {
    if (missing <= 0) break;
    const last = Math.min(end, begin + missing - 1);
    result.push([begin, last]);
    missing -= last - begin + 1;
  }
  return missing <= 0 ? result : undefined;
}

function isNormal(ranges: Ranges): boolean {
  return ranges.every(([begin], index) => index === 0 || endOf(ranges[index - 1]) < begin);
}

function endOf(range: PortRange | undefined): number {
  return range === undefined ? Number.POSITIVE_INFINITY : range[1];
}
