// Owns what an agent fetches from at all, as its operator says: which directories of the host, and which addresses.
import { realpath } from 'node:fs/promises';
import { BlockList, isIPv4 } from 'node:net';
import path from 'node:path';

/** `public`: of the internet alone; `private`: of private networks too; `any`: this host, its link and what else there is. */
export const ADDRESS_POLICIES = ['public', 'private', 'any'] as const;
export type AddressPolicy = (typeof ADDRESS_POLICIES)[number];

export type FetchPolicy = {
  readonly addresses: AddressPolicy;
  /** Absolute. Files are fetched from below these only. */
  readonly directories: readonly string[];
  /** Of one address, from the question to the last byte. */
  readonly timeoutMs: number;
  /** Of one file, and of all that comes out of one archive. */
  readonly maxBytes: number;
};

// IANA's registries of special-purpose addresses; RFC 1918, 6598, 4193.
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];
const NEVER_ELSEWHERE = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '192.0.2.0/24'],
  ...['198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'],
  // With the ways into IPv4 by NAT64, 6to4, Teredo, IPv4-compatible and IPv4-translated addresses (RFC 4291, 2765).
  ...['::/96', '::ffff:0:0:0/96', 'fe80::/10', 'fec0::/10', 'ff00::/8', '2001:db8::/32'],
  ...['64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/32', '100::/64'],
];

const privateAddresses = listOf(PRIVATE);
const otherAddresses = listOf(NEVER_ELSEWHERE);

export function mayFetchFrom(policy: AddressPolicy, address: string): boolean {
  if (policy === 'any') return true;
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  if (otherAddresses.check(address, family)) return false;
  return policy === 'private' || !privateAddresses.check(address, family);
}

/** `file`: with every link resolved. A directory that is not there allows nothing. */
export async function isBelowAny(directories: readonly string[], file: string): Promise<boolean> {
  for (const directory of directories) {
    const root = await realpath(directory).catch(() => undefined);
    if (root !== undefined && file.startsWith(root === '/' ? root : root + path.sep)) return true;
  }
  return false;
}

function listOf(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [address = '', bits] = subnet.split('/');
    list.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6');
  }
  return list;
}
