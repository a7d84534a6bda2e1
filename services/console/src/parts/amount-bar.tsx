// Owns the bar of one resource: used within allocated, offered, free; told in words as well.
import { showAmount, showPercent } from '../format/amounts.ts';

export type Parts = {
  readonly total: number;
  readonly allocated: number;
  readonly offered: number;
  /** Undefined: not measured. */
  readonly used?: number | undefined;
};

/** "1.5 used, 2 allocated, 0.5 offered, 1 free of 3.5". */
export function wordsOf(name: string, { total, allocated, offered, used }: Parts): string {
  const free = Math.max(0, total - allocated - offered);
  const parts = [
    ...(used === undefined ? [] : [`${showAmount(name, used)} used`]),
    `${showAmount(name, allocated)} allocated`,
    `${showAmount(name, offered)} offered`,
    `${showAmount(name, free)} free`,
  ];
  return `${parts.join(', ')} of ${showAmount(name, total)}`;
}

export function AmountBar({ name, parts }: { readonly name: string; readonly parts: Parts }) {
  const { total, allocated, offered, used } = parts;
  const width = (part: number): number => (total === 0 ? 0 : Math.min(100, (100 * part) / total));
  return (
    <svg
      class="bar"
      viewBox="0 0 100 8"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${name}: ${wordsOf(name, parts)}`}
    >
      <title>{wordsOf(name, parts)}</title>
      <rect class="free" width="100" height="8" />
      <rect class="allocated" width={width(allocated)} height="8" />
      <rect class="offered" x={width(allocated)} width={width(offered)} height="8" />
      {used !== undefined && <rect class="used" y="2.5" width={width(used)} height="3" />}
    </svg>
  );
}

/** Small, for a cell: allocated of total. */
export const SmallBar = ({ name, parts }: { readonly name: string; readonly parts: Parts }) => (
  <span class="small-bar">
    <AmountBar name={name} parts={parts} />
    <span>{showPercent(parts.allocated, parts.total)}</span>
  </span>
);
