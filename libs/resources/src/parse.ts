// Owns reading amounts as people write them: "0.1" CPUs, "32MiB", "1Gbit", "31000-31999".
// What does not parse is a failure `malformed` that says what was read and what is allowed.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { MILLI, type PortRange, ScalarName } from '@parley/protocol/resources';
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
/** Decimal, as links are sold: 1 Gbit/s is 1000 Mbit/s. */
const BITS_PER_UNIT: Readonly<Record<string, bigint>> = {
  bit: 1n,
  kbit: 10n ** 3n,
  Kbit: 10n ** 3n,
  Mbit: 10n ** 6n,
  Gbit: 10n ** 9n,
  Tbit: 10n ** 12n,
};
const BITS_PER_MBIT = 10n ** 6n;
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
  return parseWithUnit(text, MEMORY);
}

/** "100Mbit", "1.5 Gbit/s", "1000" as thousandths of a Mbit/s, rounded down; without a unit it is Mbit/s. */
export function parseBandwidth(text: string): Outcome<number> {
  return parseWithUnit(text.trim().replace(/(?<=bit)\/s$/, ''), BANDWIDTH);
}

/** An amount of the scalar of this name, in the units that people use for it. */
export function parseScalar(name: string, text: string): Outcome<number> {
  if (name === 'mem' || name === 'disk') return parseMemory(text);
  return name === 'network_bandwidth' ? parseBandwidth(text) : parseAmount(text);
}

/** "cpus=2,mem=1GiB" as scalars in thousandths. */
export function parseScalars(text: string): Outcome<Record<string, number>> {
  const scalars: Record<string, number> = {};
  for (const pair of text.split(',')) {
    const [name, amountText, ...rest] = pair.split('=').map((part) => part.trim());
    const parsed = ScalarName.safeParse(name);
    if (!parsed.success || amountText === undefined || rest.length > 0) {
      return fail('malformed', `"${pair}" is not NAME=AMOUNT`);
    }
    if (Object.hasOwn(scalars, parsed.data)) {
      return fail('malformed', `${parsed.data} is given twice`);
    }
    const amount = parseScalar(parsed.data, amountText);
    if (!amount.ok) return fail('malformed', `${parsed.data}: ${amount.failure.message}`);
    scalars[parsed.data] = amount.value;
  }
  return succeed(scalars);
}

type Measure = {
  readonly what: string;
  readonly units: Readonly<Record<string, bigint>>;
  /** What a bare number is in, and what the result is in thousandths of. */
  readonly own: string;
  readonly perOwn: bigint;
};
const MEMORY: Measure = {
  what: 'memory',
  units: BYTES_PER_UNIT,
  own: 'MiB',
  perOwn: BYTES_PER_MIB,
};
const BANDWIDTH: Measure = {
  what: 'bandwidth',
  units: BITS_PER_UNIT,
  own: 'Mbit',
  perOwn: BITS_PER_MBIT,
};

function parseWithUnit(text: string, { what, units, own, perOwn }: Measure): Outcome<number> {
  const match = /^(\d{1,15})(?:\.(\d{1,6}))?\s*([A-Za-z]{0,4})$/.exec(text.trim());
  const unit = match?.[3] || own;
  const size = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (!match || size === undefined) {
    const known = Object.keys(units).join(', ');
    return fail('malformed', `"${text}" is no amount of ${what}: write a number and ${known}`);
  }
  const millionths = BigInt(`${match[1]}${(match[2] ?? '').padEnd(6, '0')}`);
  const amount = (millionths * size * BigInt(MILLI)) / (perOwn * 1_000_000n);
  if (amount === 0n && millionths > 0n) {
    return fail('malformed', `"${text}" is less than the least amount of ${what}, 0.001 ${own}`);
  }
  return amount <= MAX_AMOUNT
    ? succeed(Number(amount))
    : fail('malformed', `"${text}" is too large an amount of ${what}`);
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
