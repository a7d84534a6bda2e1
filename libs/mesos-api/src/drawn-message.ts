// Owns messages drawn from a seed, for tests of what reads and answers them. Their values are those at which encodings
// break: bounds of integers, odd strings, names that objects have of themselves.
import { fieldsOf } from './fields.ts';
import type { Field, FieldType, MessageType, ScalarType } from './message-type.ts';

const KEYS = ['cpus', 'mem', '', '__proto__', 'toString', '0', 'ä'];
const STRINGS = [
  '',
  'a',
  '*',
  '"',
  '\\',
  '\n',
  '\u2028',
  '\0',
  'ä€😀',
  '__proto__',
  'null',
  '1',
  ' ',
];
const DOUBLES = [0, -0, 1, 0.1, -2.5, 5e-324, 1e21, 2 ** 53, 1.7976931348623157e308];
const INFINITIES = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const BOUNDS: Readonly<Record<string, readonly bigint[]>> = {
  int32: [0n, -1n, -(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 1n, 2n ** 32n - 1n],
  int64: [0n, -1n, 1_400_000_000_000_000_001n, -(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 31_000n, 2n ** 53n + 1n, 2n ** 64n - 1n],
};
/** Per cent of the fields that are set, by how deep the message lies. */
const CHANCES = [70, 50, 30, 20, 10, 5];
/** Beyond so many messages only what is required is set. */
const MAX_MESSAGES = 60;

/** What a seed decides: messages, and choices beside them. A generator of fast-check would take a thousand draws for one message. */
export class DrawnSeries {
  #state: number;
  #messages = 0;

  constructor(seed: number) {
    this.#state = seed;
  }

  message(type: MessageType): object {
    this.#messages = 0;
    return this.#message(type, 0);
  }

  #message(type: MessageType, depth: number): object {
    this.#messages += 1;
    const drawn: Record<string, unknown> = {};
    for (const [name, field] of fieldsOf(type)) {
      const chance = this.#messages > MAX_MESSAGES ? 0 : (CHANCES[depth] ?? 0);
      const isSet = field.rule === 'required' || this.below(100) < chance;
      if (isSet) drawn[name] = this.#field(field, depth);
    }
    return drawn;
  }

  #field({ rule, type }: Field, depth: number): unknown {
    if (rule !== 'repeated' && rule !== 'map') return this.#value(type, depth);
    const items = Array.from({ length: 1 + this.below(2) }, () => this.#value(type, depth));
    if (rule === 'repeated') return items;
    const map = Object.create(null);
    for (const item of items) map[this.oneOf(KEYS)] = item;
    return map;
  }

  #value(type: FieldType, depth: number): unknown {
    if (typeof type === 'string') return this.#scalar(type);
    if (type.kind === 'message') return this.#message(type, depth + 1);
    return this.oneOf(Object.keys(type.numbers));
  }

  #scalar(type: ScalarType): unknown {
    if (type === 'bool') return this.below(2) === 1;
    if (type === 'bytes') return new Uint8Array(this.below(5)).map(() => this.below(256));
    if (type === 'string') return this.oneOf(STRINGS) + this.oneOf(STRINGS);
    if (type === 'double') return this.oneOf(this.below(9) === 0 ? INFINITIES : DOUBLES);
    const drawn = this.oneOf(BOUNDS[type] ?? []);
    return type === 'int32' || type === 'uint32' ? Number(drawn) : drawn;
  }

  oneOf<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** Mulberry32: the next of a series that the seed decides. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }
}
