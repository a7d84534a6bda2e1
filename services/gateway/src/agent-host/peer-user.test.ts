import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { peerUserOf, socketUser } from './peer-user.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid';
const line = (ends: string, state = '01', inode = '77') =>
  `   0: ${ends} ${state} 00000000:00000000 00:00000000 00000000  1234        0 ${inode} 1 0 20 4`;
const FOUR = '0100007F:9C40 0100007F:13BB';
const local = { address: '127.0.0.1', port: 0x9c40 };
const remote = { address: '127.0.0.1', port: 0x13bb };
const userIn = (text: string, ends = { local, remote }) => socketUser([`${HEAD}\n${text}\n`], ends);

test('the user of a connection is that of the socket with its two ends', () => {
  expect(userIn(line(FOUR))).toBe(1234);
  expect(userIn(line('0100007F:13BB 0100007F:9C40'))).toBeUndefined();
  expect(userIn(line('0100007F:9C41 0100007F:13BB'))).toBeUndefined();
});

test('the address of the one end may be written as one of IPv6', () => {
  const mapped = '0000000000000000FFFF00000100007F';
  expect(userIn(line(`${mapped}:9C40 ${mapped}:13BB`))).toBe(1234);
  const six = '00000000000000000000000001000000';
  const ends = { local: { ...local, address: '::1' }, remote: { ...remote, address: '::1' } };
  expect(userIn(line(`${six}:9C40 ${six}:13BB`), ends)).toBe(1234);
});

test('a socket that is being closed is nobody’s', () => {
  expect(userIn(line(FOUR, '06'))).toBeUndefined();
  expect(userIn(line(FOUR, '01', '0'))).toBeUndefined();
});

test('a connection of this process is this user’s', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = await once(server, 'connection');
  expect(peerUserOf(accepted)).toBe(process.getuid?.());
  client.destroy();
  server.close();
});
