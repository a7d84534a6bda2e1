// Owns the hash of a set of records: each is hashed by itself over a canonical encoding, and the hashes are
// added up, so that the sum does not depend on order and one changed record costs one hash.
// Not a defence against forgery: it finds replicas that went apart.
import { hash } from 'node:crypto';

const LANES = 8;
export type Digest = Uint32Array;

/** JSON with sorted keys, bytes as hexadecimal; a property that is undefined is left out. Throws on what is not plain data. */
export function canonical(value: unknown): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'object':
      return canonicalObject(value);
    default: {
      const text = JSON.stringify(value);
      if (text === undefined) throw new TypeError(`a record holds a ${typeof value}`);
      return text;
    }
  }
}

function canonicalObject(value: object): string {
  if (Array.isArray(value)) {
    let text = '[';
    for (const part of value) text += text === '[' ? canonical(part) : `,${canonical(part)}`;
    return `${text}]`;
  }
  if (value instanceof Uint8Array) return `x"${Buffer.from(value).toString('hex')}"`;
  const record = value as Readonly<Record<string, unknown>>;
  let text = '{';
  // Without a comparison of its own: by UTF-16 code units.
  for (const key of Object.keys(record).sort()) {
    const part = record[key];
    if (part === undefined) continue;
    if (text !== '{') text += ',';
    text += `${quoted(key)}:${canonical(part)}`;
  }
  return `${text}}`;
}

/** Most names of properties come again and again; ids as keys do not, so that only so many are kept. */
const MAX_QUOTED = 1024;
const quotedNames = new Map<string, string>();

function quoted(name: string): string {
  const known = quotedNames.get(name);
  if (known !== undefined) return known;
  const text = JSON.stringify(name);
  if (quotedNames.size < MAX_QUOTED) quotedNames.set(name, text);
  return text;
}

export function digestOf(table: string, key: string, record: unknown): Digest {
  const bytes = hash('sha256', canonical([table, key, record]), 'buffer');
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
