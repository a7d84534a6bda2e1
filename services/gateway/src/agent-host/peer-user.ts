// Owns finding out whose process is at the other end of a connection on this host: the kernel lists the user of every
// socket (proc_pid_net(5)). Of no use for a connection from elsewhere.
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { isIPv4, isIPv6 } from 'node:net';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
const ESTABLISHED = '01';
const MAPPED = '0000000000000000FFFF0000';

/** Undefined where it is not known, as of one that is being closed. */
export function peerUserOf(socket: Socket): number | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remotePort === undefined || localPort === undefined) return undefined;
  return socketUser(TABLES.map(readTable), {
    local: { address: remoteAddress ?? '', port: remotePort },
    remote: { address: localAddress ?? '', port: localPort },
  });
}

type End = { readonly address: string; readonly port: number };

/** Of the socket with these ends, in tables as the kernel writes them. */
export function socketUser(
  tables: readonly string[],
  ends: { readonly local: End; readonly remote: End },
): number | undefined {
  const local = namesOf(ends.local);
  const remote = namesOf(ends.remote);
  for (const line of tables.flatMap((table) => table.split('\n'))) {
    const [, from = '', to = '', state, , , , user = '', , inode] = line.trim().split(/\s+/);
    if (state !== ESTABLISHED || inode === '0' || !/^\d+$/.test(user)) continue;
    if (local.includes(from) && remote.includes(to)) return Number(user);
  }
  return undefined;
}

/** How an end may be written: an IPv4 address may be one of IPv6 for its owner. */
function namesOf({ address, port }: End): readonly string[] {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const digits = port.toString(16).toUpperCase().padStart(4, '0');
  if (isIPv4(plain)) {
    const word = wordOf(plain.split('.').map(Number));
    return [`${word}:${digits}`, `${MAPPED}${word}:${digits}`];
  }
  if (!isIPv6(plain)) return [];
  const bytes = bytesOf(plain);
  const words = [0, 4, 8, 12].map((at) => wordOf(bytes.slice(at, at + 4)));
  return [`${words.join('')}:${digits}`];
}

/** Of IPv6, without a zone. */
function bytesOf(address: string): number[] {
  const [before = '', after] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [head, tail] = [groups(before), groups(after ?? '')];
  const middle = new Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  return [...head, ...middle, ...tail].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** In the order of bytes of the hosts that we run on. */
const wordOf = (bytes: readonly number[]): string =>
  bytes
    .toReversed()
    .map((byte) => byte.toString(16).toUpperCase().padStart(2, '0'))
    .join('');

function readTable(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
