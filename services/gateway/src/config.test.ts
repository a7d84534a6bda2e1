import { describe, expect, test } from 'vitest';
import { readGatewayConfig } from './config.ts';

const listen = (place: string, more: object = {}) => readGatewayConfig({ listen: place, ...more });

describe('where a gateway listens', () => {
  test.each(['127.0.0.1:5050', '[::1]:0', '127.8.8.8:80'])('%s needs no users', (place) => {
    expect(listen(place).ok).toBe(true);
  });

  test.each(['0.0.0.0:5050', '[::]:5050', '10.0.0.1:5050', 'localhost:5050'])(
    '%s is refused without users, and without TLS, and taken with both',
    (place) => {
      const users = { users: 'users.json' };
      const tls = { 'tls-server-cert': 'cert.pem', 'tls-server-key': 'key.pem' };
      for (const missing of [{}, users, tls]) {
        const refused = listen(place, missing);
        expect(refused).toMatchObject({ ok: false, failure: { code: 'malformed' } });
      }
      expect(listen(place, { ...users, ...tls }).ok).toBe(true);
      expect(listen(place, { ...users, 'plain-http': true }).ok).toBe(true);
    },
  );

  test('a certificate without its key is refused', () => {
    expect(listen('127.0.0.1:0', { 'tls-server-cert': 'cert.pem' }).ok).toBe(false);
  });

  test.each(['5050', '127.0.0.1', '127.0.0.1:65536', '::1:80', ''])('%j is no place', (place) => {
    expect(listen(place, { users: 'users.json' }).ok).toBe(false);
  });
});
