// Owns the hash of a set of records: each is hashed by itself over a canonical encoding, and the hashes are
// added up, so that the sum does not depend on order and one changed record costs one hash.
// Not a defence against forgery: it finds replicas that went apart.
import { createHash } from 'node:crypto';

const LANES = 8;
export type Digest = Uint32Array;

/** JSON with sorted keys, bytes as hexadecimal; a property that is undefined is left out. Throws on what is not plain data. */
export function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`a record holds a ${typeof value}`);
    return text;
  }
  if (value instanceof Uint8Array) return `x"${Buffer.from(value).toString('hex')}"`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const parts: string[] = [];
  for (const [key, part] of Object.entries(value).sort(byKey)) {
    if (part !== undefined) parts.push(`${JSON.stringify(key)}:${canonical(part)}`);
  }
  return `{${parts.join(',')}}`;
}

export function digestOf(table: string, key: string, record: unknown): Digest {
  const bytes = createHash('sha256')
    .update(canonical([table, key, record]))
    .digest();
  const digest = new Uint32Array(LANES);
  for (let lane = 0; lane < LANES; lane += 1) digest[lane] = bytes.readUInt32BE(lane * 4);
  return digest;
}

/** Lane by lane modulo 2^32. */
export class DigestSum {
  readonly #lanes = new Uint32Array(LANES);

  add(digest: Digest): void {
    for (let lane = 0; lane < LANES; lane += 1) {
      this.#lanes[lane] = (this.#lanes[lane] ?? 0) + (digest[lane] ?? 0);
    }
  }

  subtract(digest: Digest): void {
    for (let lane = 0; lane < LANES; lane += 1) {
      this.#lanes[lane] = (this.#lanes[lane] ?? 0) - (digest[lane] ?? 0);
    }
  }

  hexadecimal(): string {
    return Array.from(this.#lanes, (lane) => lane.toString(16).padStart(8, '0')).join('');
  }
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  if (a[0] === b[0]) return 0;
  return a[0] < b[0] ? -1 : 1;
}
