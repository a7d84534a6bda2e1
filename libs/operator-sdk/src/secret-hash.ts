// Owns how passwords and tokens of a gateway's users are kept: never as they are. A password, which people choose, by
// scrypt (RFC 7914); a token, which is 256 random bits, by one SHA-256: there is nothing to guess.
import { createHash, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import * as z from 'zod';

type Cost = { readonly cost: number; readonly blockSize: number; readonly parallelization: number };

/** OWASP, Password Storage Cheat Sheet: 32 MiB and three rounds are as much work as 128 MiB and one. */
const COST: Cost = { cost: 32_768, blockSize: 8, parallelization: 3 };
const KEY_BYTES = 32;
export const SALT_BYTES = 16;
export const TOKEN_BYTES = 32;
/** What a file may make this process spend on one try. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
const MAX_PARALLELIZATION = 16;

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);
const FORM = /^scrypt:(\d{1,8}):(\d{1,3}):(\d{1,3}):([A-Za-z0-9_-]{16,86}):([A-Za-z0-9_-]{43})$/;

/** `scrypt:N:r:p:salt:key`, the last two in base64url. */
export const PasswordHash = z
  .string()
  .refine(
    (text) => costOf(text) !== undefined,
    'must be such as scrypt:32768:8:3:SALT:KEY; "parley gateway user add" makes one',
  );

export const TokenHash = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the token, 64 hexadecimal digits');

/** `salt`: new and random for every password. */
export async function hashPassword(password: string, salt: Buffer): Promise<string> {
  const { cost, blockSize, parallelization } = COST;
  const key = await keyOf(password, salt, COST);
  const numbers = [cost, blockSize, parallelization].join(':');
  return `scrypt:${numbers}:${salt.toString('base64url')}:${key.toString('base64url')}`;
}

/** `hash`: a `PasswordHash`; undefined costs as much as one that does not fit, and fits nothing. */
export async function fitsPassword(password: string, hash: string | undefined): Promise<boolean> {
  const kept = costOf(hash ?? NOBODY);
  if (kept === undefined) return false;
  const key = await keyOf(password, kept.salt, kept);
  return timingSafeEqual(key, kept.key) && hash !== undefined;
}

export const hashToken = (token: string): string =>
  createHash('sha256').update(token).digest('hex');

const NOBODY = `scrypt:${COST.cost}:${COST.blockSize}:${COST.parallelization}:${'A'.repeat(22)}:${'A'.repeat(43)}`;

const memoryOf = ({ cost, blockSize }: Cost): number => 128 * cost * blockSize;

/** Composed forms: a keyboard may write an accent as a letter of its own (RFC 8265). */
const keyOf = (password: string, salt: Buffer, given: Cost): Promise<Buffer> =>
  derive(password.normalize('NFC'), salt, KEY_BYTES, { ...given, maxmem: 2 * MAX_MEMORY_BYTES });

function costOf(text: string): (Cost & { salt: Buffer; key: Buffer }) | undefined {
  const [, n, r, p, salt, key] = FORM.exec(text) ?? [];
  if (salt === undefined || key === undefined) return undefined;
  const cost: Cost = { cost: Number(n), blockSize: Number(r), parallelization: Number(p) };
  const isPower = cost.cost >= 2 && Math.log2(cost.cost) % 1 === 0;
  const isBounded =
    memoryOf(cost) <= MAX_MEMORY_BYTES && cost.parallelization <= MAX_PARALLELIZATION;
  if (!isPower || !isBounded || cost.blockSize < 1 || cost.parallelization < 1) return undefined;
  return { ...cost, salt: Buffer.from(salt, 'base64url'), key: Buffer.from(key, 'base64url') };
}
