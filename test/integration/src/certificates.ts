// Owns certificates for tests of TLS: an authority and what it signs, made here so that no tool need be installed.
// X.509 (RFC 5280) in the little of DER that it takes: elliptic keys, one name, loopback addresses.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export type Certificate = { readonly certificate: string; readonly key: string };
export type Authority = Certificate & { readonly name: string };

const DAY_MS = 24 * 3600_000;

export function makeAuthority(name: string): Authority {
  const made = make({ name, issuer: name, isAuthority: true, endsAtMs: Date.now() + 30 * DAY_MS });
  return { ...made, name };
}

/** For servers and clients on this host. With a negative `days` it has expired so long ago. */
export function issue(authority: Authority, name: string, days = 30): Certificate {
  return make({
    name,
    issuer: authority.name,
    isAuthority: false,
    endsAtMs: Date.now() + days * DAY_MS,
    signingKey: authority.key,
  });
}

type Wanted = {
  readonly name: string;
  readonly issuer: string;
  readonly isAuthority: boolean;
  readonly endsAtMs: number;
  /** Without one it is signed by itself. */
  readonly signingKey?: string;
};

function make({ name, issuer, isAuthority, endsAtMs, signingKey }: Wanted): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const body = sequence(
    tagged(0xa0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    commonName(issuer),
    sequence(time(endsAtMs - 60 * DAY_MS), time(endsAtMs)),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(isAuthority ? AUTHORITY : ADDRESSES)),
  );
  const signature = sign('sha256', body, signingKey ?? privateKey);
  const whole = sequence(body, ECDSA_WITH_SHA256, tagged(0x03, Buffer.of(0), signature));
  return { certificate: pem('CERTIFICATE', whole), key: pemOfKey(privateKey) };
}

function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, ...parts);
const integer = (bytes: Buffer): Buffer => tagged(0x02, bytes);
const octets = (...parts: readonly Buffer[]): Buffer => tagged(0x04, ...parts);
const oid = (hex: string): Buffer => tagged(0x06, Buffer.from(hex, 'hex'));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const TRUE = tagged(0x01, Buffer.of(0xff));
/** basicConstraints, critical: it may sign others. */
const AUTHORITY = sequence(oid('551d13'), TRUE, octets(sequence(TRUE)));
/** subjectAltName: localhost and 127.0.0.1. */
const ADDRESSES = sequence(
  oid('551d11'),
  octets(sequence(tagged(0x82, Buffer.from('localhost')), tagged(0x87, Buffer.of(127, 0, 0, 1)))),
);

const commonName = (name: string): Buffer =>
  sequence(tagged(0x31, sequence(oid('550403'), tagged(0x0c, Buffer.from(name)))));

/** UTCTime: two digits of the year. */
function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}

function pem(label: string, der: Buffer): string {
  const lines = der
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

const pemOfKey = (key: KeyObject): string =>
  key.export({ type: 'pkcs8', format: 'pem' }).toString();
