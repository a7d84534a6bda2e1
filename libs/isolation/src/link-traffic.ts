// Owns what passed network links, as the kernel counts it for the namespace that the process is in: proc(5), /proc/net/dev. One
// read tells all links. (`/sys/class/net` would be of whoever mounted it.)
import { readFile } from 'node:fs/promises';

/** As the other end of a veth pair sees it: what the host's end sends, the task receives. */
export type LinkTraffic = {
  readonly inBytes: number;
  readonly inPackets: number;
  readonly outBytes: number;
  readonly outPackets: number;
};

/** By the names of the host's ends. Rejects with the file error. */
export async function readLinkTraffic(): Promise<Map<string, LinkTraffic>> {
  return parseLinkTraffic(await readFile('/proc/self/net/dev', 'latin1'));
}

/** Lines `name: bytes packets errs drop fifo frame compressed multicast bytes packets ...`: received, then sent. */
export function parseLinkTraffic(text: string): Map<string, LinkTraffic> {
  const links = new Map<string, LinkTraffic>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon === -1) continue;
    const counts = line
      .slice(colon + 1)
      .trim()
      .split(/ +/)
      .map(Number);
    const [outBytes = 0, outPackets = 0] = counts;
    const [inBytes = 0, inPackets = 0] = counts.slice(SENT_AT);
    links.set(line.slice(0, colon).trim(), { inBytes, inPackets, outBytes, outPackets });
  }
  return links;
}

const SENT_AT = 8;
