// Owns showing resources to people, in forms that parse.ts reads back to the same amounts.
import { MILLI, type Resources } from '@parley/protocol/resources';
import { normalise } from './resources.ts';

const MIB_PER_GIB = 1024;
const MBIT_PER_GBIT = 1000;

/** Thousandths as a decimal number without trailing zeros: 100 is "0.1". */
export function formatAmount(amount: number): string {
  const whole = Math.trunc(amount / MILLI);
  const decimals = String(amount % MILLI)
    .padStart(3, '0')
    .replace(/0+$/, '');
  return decimals === '' ? String(whole) : `${whole}.${decimals}`;
}

/** Thousandths of a MiB in MiB, or in GiB where that needs at most three decimals: "32 MiB", "1.5 GiB". */
export function formatMemory(amount: number): string {
  const isExactInGib = amount % MIB_PER_GIB === 0 && amount >= MIB_PER_GIB * MILLI;
  return isExactInGib ? `${formatAmount(amount / MIB_PER_GIB)} GiB` : `${formatAmount(amount)} MiB`;
}

/** Thousandths of a Mbit/s, in Gbit/s where that needs at most three decimals: "100 Mbit/s", "2.5 Gbit/s". */
export function formatBandwidth(amount: number): string {
  const isExactInGbit = amount % MBIT_PER_GBIT === 0 && amount >= MBIT_PER_GBIT * MILLI;
  return isExactInGbit
    ? `${formatAmount(amount / MBIT_PER_GBIT)} Gbit/s`
    : `${formatAmount(amount)} Mbit/s`;
}

/** An amount of the scalar of this name, with its unit. */
export function formatScalar(name: string, amount: number): string {
  if (name === 'mem' || name === 'disk') return formatMemory(amount);
  return name === 'network_bandwidth' ? formatBandwidth(amount) : formatAmount(amount);
}

/** "0.1 cpus", "32 MiB mem". */
export const formatAmountOf = (name: string, amount: number): string =>
  `${formatScalar(name, amount)} ${name}`;

/** "cpus 0.1, mem 32 MiB, ports 31000-31999"; "nothing" when empty. */
export function formatResources(resources: Resources): string {
  const { scalars, ports, sets } = normalise(resources);
  const parts = formatScalars(scalars);
  if (ports.length > 0) {
    const ranges = ports.map(([begin, end]) => (begin === end ? `${begin}` : `${begin}-${end}`));
    parts.push(`ports ${ranges.join(',')}`);
  }
  for (const [name, items] of Object.entries(sets)) parts.push(`${name} {${items.join(', ')}}`);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

/** "cpus 0.1", "mem 0 MiB", by name: of a limit an amount of 0 says something. */
export function formatScalars(scalars: Resources['scalars']): string[] {
  return Object.entries(scalars)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => `${name} ${formatScalar(name, amount)}`);
}
