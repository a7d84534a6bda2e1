// Owns the addresses that an agent gives to its tasks: a range of IPv4, cut into pairs (RFC 3021), one end for the host and
// one for the task. Pure.

export type NetworkRange = {
  /** Of 32 bits. */
  readonly base: number;
  /** Of the prefix. */
  readonly bits: number;
};

/** Of a pair, as text. */
export type AddressPair = { readonly host: string; readonly task: string };

const LEAST_BITS = 8;
const MOST_BITS = 30;

/** `10.88.0.0/16`: from /8 to /30, without bits beyond the prefix. Undefined when it is none. */
export function parseNetworkRange(text: string): NetworkRange | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return undefined;
  const [, ...numbers] = match.map(Number);
  const bytes = numbers.slice(0, 4);
  const bits = numbers[4] ?? 0;
  if (bytes.some((byte) => byte > 255) || bits < LEAST_BITS || bits > MOST_BITS) return undefined;
  const base = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return base % sizeOf(bits) === 0 ? { base, bits } : undefined;
}

export const formatNetworkRange = ({ base, bits }: NetworkRange): string =>
  `${formatAddress(base)}/${bits}`;

/** How many tasks can have an address at a time. */
export const pairsIn = ({ bits }: NetworkRange): number => sizeOf(bits) / 2;

/** @param index from 0, below `pairsIn` */
export function pairAt({ base }: NetworkRange, index: number): AddressPair {
  const host = base + 2 * index;
  return { host: formatAddress(host), task: formatAddress(host + 1) };
}

const sizeOf = (bits: number): number => 2 ** (32 - bits);

function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
