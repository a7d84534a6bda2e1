// Owns proving to a NATS server that a connection holds the key of its user, with the host's own Ed25519: the client
// library's, in JavaScript, takes some 300 times as long (infra/docs/performance.md), and keeps a process with hundreds of
// connections away from its work when a server of the cluster dies.
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
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
  // Checks it, and derives nothing yet.
  nkeys.fromSeed(Buffer.from(seed));
  const bytes = decodeBase32(seed);
  const raw = bytes.subarray(SEED_PREFIX_BYTES, SEED_PREFIX_BYTES + KEY_BYTES);
  const der = Buffer.concat([PKCS8_ED25519, raw]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return { nkey: publicText(kindOf(bytes), key), key };
}

/** What the seed is one of: five bits, which follow the five that say that it is one. */
function kindOf([first = 0, second = 0]: Buffer): number {
  return ((first & 7) << 5) | (second >> 3);
}

/** As NKeys write a public key: its kind, the key, and a checksum, in base 32. */
function publicText(kind: number, key: KeyObject): string {
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  const named = Buffer.concat([Buffer.from([kind]), Buffer.from(x, 'base64url')]);
  const checksum = Buffer.alloc(2);
  checksum.writeUInt16LE(crc16(named));
  return encodeBase32(Buffer.concat([named, checksum]));
}

/** CRC-16 of XMODEM. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
      crc &= 0xffff;
    }
  }
  return crc;
}

function encodeBase32(bytes: Buffer): string {
  let text = '';
  let [bits, held] = [0, 0];
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32[(held >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + BASE32[(held << (5 - bits)) & 31];
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
