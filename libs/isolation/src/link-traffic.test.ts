// Reading what passed links, from the kernel's text.
import { expect, it } from 'vitest';
import { parseLinkTraffic, readLinkTraffic } from './link-traffic.ts';

const TEXT = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1520 20 0 0 0 0 0 0 1520 20 0 0 0 0 0 0
parl0a580000:99999999999       3    0    0    0     0          0         0     5005       4    0    0    0     0       0          0
`;

it('what the end on the host receives the task has sent, and the other way round', () => {
  expect(parseLinkTraffic(TEXT).get('parl0a580000')).toEqual({
    inBytes: 5005,
    inPackets: 4,
    outBytes: 99_999_999_999,
    outPackets: 3,
  });
  expect([...parseLinkTraffic(TEXT).keys()]).toEqual(['lo', 'parl0a580000']);
});

it('the kernel tells every link of this host', async () => {
  expect([...(await readLinkTraffic()).keys()]).toContain('lo');
});
