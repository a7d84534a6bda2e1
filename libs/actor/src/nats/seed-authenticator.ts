// Owns proving to a NATS server that a connection holds the key of its user, with the host's own Ed25519: the client
// library's, in JavaScript, takes some 300 times as long (infra/docs/performance.md), and keeps a process with hundreds of
// connections away from its work when a server of the cluster dies.
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { type Authenticator, nkeys } from 'nats';

/** Of a private key in PKCS #8: the 32 bytes of the key itself follow. RFC 8410, section 7. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Before the key in a seed: that it is one, and of what. */
const SEED_PREFIX_BYTES = 2;
const KEY_BYTES = 32;

/** @param seed of an NKey, as text: "SU..." for a user. The authenticator throws where it is none. */
export function seedAuthenticator(seed: string): Authenticator {
  let user: User | undefined;
  return (nonce) => {
    user ??= readSeed(seed);
    const sig = nonce ? sign(null, Buffer.from(nonce), user.key).toString('base64') : '';
    return { nkey: user.nkey, sig };
  };
}

type User = { readonly nkey: string; readonly key: KeyObject };

function readSeed(seed: string): User {
  // Checks it, too.
  const nkey = nkeys.fromSeed(Buffer.from(seed)).getPublicKey();
  const raw = decodeBase32(seed).subarray(SEED_PREFIX_BYTES, SEED_PREFIX_BYTES + KEY_BYTES);
  const der = Buffer.concat([PKCS8_ED25519, raw]);
  return { nkey, key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) };
}

function decodeBase32(text: string): Buffer {
  const bytes: number[] = [];
  let [bits, held] = [0, 0];
  for (const letter of text) {
    held = ((held << 5) | BASE32.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}
