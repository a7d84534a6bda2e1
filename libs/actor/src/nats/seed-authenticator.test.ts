import { nkeyAuthenticator, nkeys } from 'nats';
import { expect, it } from 'vitest';
import { seedAuthenticator } from './seed-authenticator.ts';

it('a user proves its key as the client library would, for any seed and nonce', () => {
  for (let round = 0; round < 20; round += 1) {
    const seed = nkeys.createUser().getSeed();
    const own = seedAuthenticator(Buffer.from(seed).toString());
    for (const nonce of [undefined, '', 'x', `nonce-${round}`, 'ä'.repeat(40)]) {
      expect(own(nonce)).toEqual(nkeyAuthenticator(seed)(nonce));
    }
  }
});

it('with what is no seed nobody connects', () => {
  expect(() => seedAuthenticator(`SU${'A'.repeat(56)}`)('x')).toThrow();
});
