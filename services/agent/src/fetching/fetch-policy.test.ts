// Tests which addresses are fetched from.
import { expect, test } from 'vitest';
import { mayFetchFrom } from './fetch-policy.ts';

const ELSEWHERE = ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c', '::ffff:8.8.8.8'];
const PRIVATE = [
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  'fc00::1',
  '::ffff:10.1.2.3',
];
const NEVER = [
  ...['127.0.0.1', '0.0.0.0', '169.254.169.254', '224.0.0.1', '::', '::1', 'fe80::1', 'ff02::1'],
  // IPv4 in other clothes: mapped, compatible, translated, NAT64, 6to4, Teredo.
  ...['::ffff:127.0.0.1', '::127.0.0.1', '::a9fe:a9fe', '::8.8.8.8', '::ffff:0:127.0.0.1'],
  ...['::ffff:0:10.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001::1'],
];

test('addresses of the internet are fetched from, of private networks where allowed, of this host and its link never', () => {
  for (const address of ELSEWHERE) {
    expect(mayFetchFrom('public', address), address).toBe(true);
    expect(mayFetchFrom('private', address), address).toBe(true);
  }
  for (const address of PRIVATE) {
    expect(mayFetchFrom('public', address), address).toBe(false);
    expect(mayFetchFrom('private', address), address).toBe(true);
  }
  for (const address of NEVER) {
    expect(mayFetchFrom('private', address), address).toBe(false);
    expect(mayFetchFrom('any', address), address).toBe(true);
  }
});
