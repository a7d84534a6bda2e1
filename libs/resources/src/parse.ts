// Owns reading amounts as people write them: "0.1" CPUs, "32MiB", "31000-31999".
// What does not parse is a failure `malformed` that says what was read and what is allowed.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { MILLI, type PortRange, ScalarName } from '@parley/protocol/resources';
import { IN_MIB } from './format.ts';
import { normaliseRanges } from './port-ranges.ts';

const BYTES_PER_UNIT: Readonly<Record<string, bigint>> = {
  B: 1n,
  kB: 10n ** 3n,
  KB: 10n ** 3n,
  MB: 10n ** 6n,
  GB: 10n ** 9n,
  TB: 10n ** 12n,
  KiB: 2n ** 10n,
  MiB: 2n ** 20n,
  GiB: 2n ** 30n,
  TiB: 2n ** 40n,
};
const BYTES_PER_MIB = 2n ** 20n;
const MAX_AMOUNT = BigInt(Number.MAX_SAFE_INTEGER);

/** A decimal number with at most three decimals ("0.1", "4") as thousandths. For cpus and plain scalars. */
export function parseAmount(text: string): Outcome<number> {
  const match = /^(\d{1,15})(?:\.(\d{1,3}))?$/.exec(text.trim());
  if (!match) {
    return fail('malformed', `"${text}" is no amount: write digits with at most three decimals`);
  }
  const amount = Number(match[1]) * MILLI + Number((match[2] ?? '').padEnd(3, '0'));
  return Number.isSafeInteger(amount)
    ? succeed(amount)
    : fail('malformed', `"${text}" is too large an amount`);
}

/** "32MiB", "1.5 GiB", "500MB" as thousandths of a MiB, rounded down; without a unit it is MiB. */
export function parseMemory(text: string): Outcome<number> {
  const match = /^(\d{1,15})(?:\.(\d{1,6}))?\s*([A-Za-z]{0,3})$/.exec(text.trim());
  const unit = match?.[3] || 'MiB';
  const bytes = Object.hasOwn(BYTES_PER_UNIT, unit) ? BYTES_PER_UNIT[unit] : undefined;
  if (!match || bytes === undefined) {
    const units = Object.keys(BYTES_PER_UNIT).join(', ');
    return fail('malformed', `"${text}" is no amount of memory: write a number and ${units}`);
  }
  const millionths = BigInt(`${match[1]}${(match[2] ?? '').padEnd(6, '0')}`);
  const amount = (millionths * bytes * BigInt(MILLI)) / (BYTES_PER_MIB * 1_000_000n);
  return amount <= MAX_AMOUNT
    ? succeed(Number(amount))
    : fail('malformed', `"${text}" is too large an amount of memory`);
}

/** "cpus=4,mem=8GiB" as thousandths by name, memory and disk with their units: at least one, each resource once. */
export function parseScalars(text: string): Outcome<Record<string, number>> {
  const amounts = new Map<string, number>();
  for (const part of text.split(',')) {
    const [, name, written] = /^\s*([^=\s]+)\s*=\s*(.+?)\s*$/.exec(part) ?? [];
    if (name === undefined || written === undefined) {
      return fail('malformed', `"${part}" is no amount: write such as cpus=4,mem=8GiB`);
    }
    if (!ScalarName.safeParse(name).success) {
      return fail('malformed', `"${name}" is no name of a resource`);
    }
    if (amounts.has(name)) return fail('malformed', `${name} stands there twice`);
    const amount = IN_MIB.has(name) ? parseMemory(written) : parseAmount(written);
    if (!amount.ok) return fail('malformed', `${name}: ${amount.failure.message}`);
    amounts.set(name, amount.value);
  }
  return succeed(Object.fromEntries(amounts));
}

/** "31000-31999" or "8080,9000-9010" as inclusive ranges, joined and sorted. */
export function parsePorts(text: string): Outcome<PortRange[]> {
  const ranges: PortRange[] = [];
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(part);
    const begin = Number(match?.[1]);
    const end = Number(match?.[2] ?? match?.[1]);
    if (!match || begin < 1 || end > 65_535 || begin > end) {
      return fail(
        'malformed',
        `"${part}" is no port range: write BEGIN-END or PORT, out of 1 to 65535`,
      );
    }
    ranges.push([begin, end]);
  }
  return succeed(normaliseRanges(ranges));
}
