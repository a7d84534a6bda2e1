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
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
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
  let text = '';
  for (const { name, prefix } of orderOf(Object.keys(record))) {
    const part = record[name];
    if (part === undefined) continue;
    text += `${text === '' ? '{' : ','}${prefix}${canonical(part)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}

/** Names in their order, by UTF-16 code units, each with how it is written in front of its value. */
type Order = readonly { readonly name: string; readonly prefix: string }[];

/** Keys as they come lead from node to node: sorting and quoting them anew is most of the work otherwise. */
class KeysSoFar {
  readonly next = new Map<string, KeysSoFar>();
  order: Order | undefined;
}

/** Records of one kind have the same names again and again; names that are ids do not, so that only so much is kept. */
const MAX_NODES = 4096;
const noKeys = new KeysSoFar();
let nodes = 1;

function orderOf(keys: readonly string[]): Order {
  let node = noKeys;
  for (const key of keys) {
    let next = node.next.get(key);
    if (next === undefined) {
      if (nodes >= MAX_NODES) return sorted(keys);
      next = new KeysSoFar();
      nodes += 1;
      node.next.set(key, next);
    }
    node = next;
  }
  node.order ??= sorted(keys);
  return node.order;
}

function sorted(keys: readonly string[]): Order {
  return keys.toSorted().map((name) => ({ name, prefix: `${JSON.stringify(name)}:` }));
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
