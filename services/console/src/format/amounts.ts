// Owns how amounts of resources read: they come in thousandths of their unit. Pure.

const MILLI = 1000;
const STEP = 1024;

/** "2", "0.5", "12.25": at most two decimals. */
export const showNumber = (thousandths: number): string =>
  String(Math.round(thousandths / 10) / 100);

/** In the largest of the units, each so many of the one before it, that leaves at least one. */
function inUnits(amount: number, units: readonly string[]): string {
  let [rest, unit] = [amount, 0];
  while (Math.abs(rest) >= STEP && unit < units.length - 1) {
    rest /= STEP;
    unit += 1;
  }
  return `${Math.round(rest * 10) / 10} ${units[unit]}`;
}

/** An amount of the scalar of that name, with its unit where that is not the name itself. */
export function showAmount(name: string, thousandths: number): string {
  if (name === 'mem' || name === 'disk')
    return inUnits(thousandths / MILLI, ['MiB', 'GiB', 'TiB', 'PiB']);
  if (name === 'network_bandwidth') return `${showNumber(thousandths)} Mbit/s`;
  return showNumber(thousandths);
}

/** "cpus 0.5 · mem 64 MiB"; "nothing". */
export function showAmounts(amounts: Readonly<Record<string, number>>): string {
  const parts = Object.keys(amounts)
    .sort(byUse)
    .map((name) => `${name} ${showAmount(name, amounts[name] ?? 0)}`);
  return parts.length === 0 ? 'nothing' : parts.join(' · ');
}

const USUAL = ['cpus', 'gpus', 'mem', 'disk'];

/** The usual ones first, in their usual order. */
export function byUse(a: string, b: string): number {
  const [first, second] = [USUAL.indexOf(a), USUAL.indexOf(b)];
  if (first >= 0 && second >= 0) return first - second;
  if (first >= 0 || second >= 0) return first >= 0 ? -1 : 1;
  return a < b ? -1 : 1;
}

/** "42 %"; of nothing there is none. */
export const showPercent = (part: number, whole: number): string =>
  whole === 0 ? '–' : `${Math.round((100 * part) / whole)} %`;

/** "1,024,000". */
export const showCount = (count: number): string => count.toLocaleString('en-US');

/** "1 task", "2,000 tasks"; `many` where it is not `one` with an s. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${showCount(count)} ${count === 1 ? one : many}`;

/** "512 B", "1.5 KiB". */
export const showBytes = (bytes: number): string =>
  inUnits(bytes, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
