import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, type Encoding, encode } from './codec.ts';
import { DrawnSeries } from './drawn-message.ts';
import { fieldsOf } from './fields.ts';
import type { Field, MessageType } from './message-type.ts';
import { MESSAGE_TYPES, type MessageName, type MessageOf } from './message-types.ts';

const NAMES = Object.keys(MESSAGE_TYPES) as MessageName[];
const ENCODINGS: readonly Encoding[] = ['json', 'protobuf'];

const aMessage = <Name extends MessageName>(name: Name): fc.Arbitrary<MessageOf<Name>> =>
  fc.noShrink(
    fc
      .integer()
      .map((seed) => new DrawnSeries(seed).message(MESSAGE_TYPES[name]) as MessageOf<Name>),
  );

/** As JSON shows it: with the defaults of what is unset. */
function withDefaults(type: MessageType, value: object): object {
  const shown: Record<string, unknown> = {};
  for (const [name, field] of fieldsOf(type)) {
    const given = (value as Record<string, unknown>)[name] ?? shownDefault(field);
    if (given !== undefined) shown[name] = shownValue(field, given);
  }
  return shown;
}

const shownDefault = (field: Field) => (field.isDeprecated ? undefined : field.default);

function shownValue(field: Field, given: unknown): unknown {
  const { type } = field;
  if (typeof type === 'string' || type.kind === 'enum') return given;
  if (Array.isArray(given)) return given.map((item) => withDefaults(type, item));
  if (field.rule !== 'map') return withDefaults(type, given as object);
  const shown = Object.create(null);
  for (const [key, item] of Object.entries(given as object)) shown[key] = withDefaults(type, item);
  return shown;
}

/** Of how many values it is made; a string is one, because the names of enums are not its own. */
function sizeOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.length + 1;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, item) => sum + sizeOf(item), 1);
}

function expectHarmless(name: MessageName, encoding: Encoding, bytes: Uint8Array): void {
  const outcome = decode(name, encoding, bytes);
  if (!outcome.ok) {
    expect(outcome.failure.code).toBe('malformed');
    return;
  }
  expect(sizeOf(outcome.value)).toBeLessThanOrEqual(bytes.length + 1);
  // What was read can be written again, and is then what it was.
  for (const again of ENCODINGS) {
    const rewritten = decode(name, again, encode(name, again, outcome.value));
    const expected =
      again === 'json' ? withDefaults(MESSAGE_TYPES[name], outcome.value) : outcome.value;
    expect(rewritten).toEqual({ ok: true, value: expected });
  }
}

describe('every message', () => {
  test.each(NAMES)('is the same after either encoding: %s', (name) => {
    fc.assert(
      fc.property(aMessage(name), (value) => {
        const wire = decode(name, 'protobuf', encode(name, 'protobuf', value));
        expect(wire).toEqual({ ok: true, value });
        const json = encode(name, 'json', value);
        expect(json).not.toContain(0x0a);
        const shown = withDefaults(MESSAGE_TYPES[name], value);
        expect(decode(name, 'json', json)).toEqual({ ok: true, value: shown });
      }),
      { numRuns: 40 },
    );
  });
});

describe('hostile bytes', () => {
  const aName = fc.constantFrom(...NAMES);
  const anEncoding = fc.constantFrom(...ENCODINGS);

  test('end in a failure or in a message, and never in more than was sent', () => {
    fc.assert(fc.property(aName, anEncoding, fc.uint8Array({ maxLength: 200 }), expectHarmless), {
      numRuns: 1500,
    });
  });

  test('do so as well where they began as a message', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
    const damaged = fc.tuple(aName, anEncoding).chain(([name, encoding]) =>
      fc.tuple(aMessage(name), flips, fc.nat()).map(([value, changes, cut]) => {
        const bytes = Uint8Array.from(encode(name, encoding, value));
        for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
        return { name, encoding, bytes: cut % 4 === 0 ? bytes.subarray(0, cut % 500) : bytes };
      }),
    );
    fc.assert(
      fc.property(damaged, ({ name, encoding, bytes }) => expectHarmless(name, encoding, bytes)),
      { numRuns: 400 },
    );
  });

  test('do so as well where they are JSON, with anything in the place of any field', () => {
    const json = aName.chain((name) => {
      const fields = fc.constantFrom(...fieldsOf(MESSAGE_TYPES[name]).map(([field]) => field));
      return fc.tuple(fc.constant(name), fc.dictionary(fields, fc.jsonValue()));
    });
    fc.assert(
      fc.property(json, ([name, value]) =>
        expectHarmless(name, 'json', new TextEncoder().encode(JSON.stringify(value))),
      ),
      { numRuns: 1000 },
    );
  });
});
