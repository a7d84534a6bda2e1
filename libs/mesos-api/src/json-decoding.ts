// Owns how a message is read from JSON: by Mesos's own rules, which are more lenient than protobuf's mapping. What is
// taken and what is not stands in infra/docs/decisions/mesos-api.md. Throws nothing but Malformed.
import { fieldsOf } from './fields.ts';
import { checkJsonDepth } from './json-depth.ts';
import { Malformed, type Path } from './malformed.ts';
import type { EnumType, Field, FieldType, MessageType } from './message-type.ts';
import { type IntegerType, isWithin } from './scalar-values.ts';

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const INTEGER = /^-?\d{1,20}$/;
/** Shorter runs of digits are integers that a double holds. */
const LONG_DIGITS = /\d{16}/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export function messageFromJson(type: MessageType, text: string): object {
  checkJsonDepth(text);
  let parsed: unknown;
  try {
    parsed = LONG_DIGITS.test(text) ? JSON.parse(text, keepInteger) : JSON.parse(text);
  } catch (error) {
    throw new Malformed([], `is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  return readMessage(type, parsed, []);
}

/** An integer that a double does not hold becomes a bigint. */
function keepInteger(_key: string, value: unknown, context?: { readonly source?: string }) {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) {
    return value;
  }
  return INTEGER.test(source) ? BigInt(source) : value;
}

function readMessage(type: MessageType, given: unknown, path: Path): object {
  if (!isObject(given)) throw new Malformed(path, 'is not an object');
  const read: Record<string, unknown> = {};
  for (const [name, field] of fieldsOf(type)) {
    path.push(name);
    const value = Object.hasOwn(given, name) ? readField(field, given[name], path) : undefined;
    if (value !== undefined) read[name] = value;
    else if (field.rule === 'required') throw new Malformed(path, 'is required');
    path.pop();
  }
  return read;
}

/** Undefined where the field counts as unset. */
function readField(field: Field, given: unknown, path: Path): unknown {
  if (given === null || given === undefined) return undefined;
  if (field.rule === 'repeated') return readList(field.type, given, path);
  if (Array.isArray(given)) throw new Malformed(path, 'is a list, but the field holds one value');
  if (field.rule === 'map') return readMap(field.type, given, path);
  return readValue(field.type, given, path);
}

/** A single value counts as a list of one. */
function readList(type: FieldType, given: unknown, path: Path): unknown[] | undefined {
  const read: unknown[] = [];
  for (const [index, item] of (Array.isArray(given) ? given : [given]).entries()) {
    if (item === null) continue;
    path.push(index);
    const value = readValue(type, item, path);
    if (value !== undefined) read.push(value);
    path.pop();
  }
  return read.length === 0 ? undefined : read;
}

/** The keys come from outside: the result has no prototype that one of them could reach. */
function readMap(type: FieldType, given: unknown, path: Path): object | undefined {
  if (!isObject(given)) throw new Malformed(path, 'is not an object');
  const read: Record<string, unknown> = Object.create(null);
  let isEmpty = true;
  for (const [key, item] of Object.entries(given)) {
    if (item === null) continue;
    path.push(key);
    const value = readValue(type, item, path);
    if (value !== undefined) read[key.toWellFormed()] = value;
    isEmpty &&= value === undefined;
    path.pop();
  }
  return isEmpty ? undefined : read;
}

function readValue(type: FieldType, given: unknown, path: Path): unknown {
  if (typeof type === 'object') {
    return type.kind === 'enum' ? readName(type, given, path) : readMessage(type, given, path);
  }
  switch (type) {
    case 'bool':
      return readBoolean(given, path);
    case 'bytes':
      return readBytes(given, path);
    case 'string':
      if (typeof given !== 'string') throw new Malformed(path, 'is not a string');
      // Half a surrogate pair has no UTF-8, which is what protobuf holds.
      return given.toWellFormed();
    case 'double':
      return readDouble(given, path);
    case 'int32':
    case 'uint32':
      return Number(readInteger(type, given, path));
    case 'int64':
    case 'uint64':
      return readInteger(type, given, path);
  }
}

/** Undefined for a name that is not known: newer clients say more than this version knows. */
function readName(type: EnumType, given: unknown, path: Path): string | undefined {
  if (typeof given !== 'string') throw new Malformed(path, 'is not the name of a value');
  return Object.hasOwn(type.numbers, given) ? given : undefined;
}

function readBoolean(given: unknown, path: Path): boolean {
  if (given === true || given === 'true') return true;
  if (given === false || given === 'false') return false;
  throw new Malformed(path, 'is not true or false');
}

function readBytes(given: unknown, path: Path): Uint8Array {
  const text = typeof given === 'string' ? given.replaceAll(/[\r\n]/g, '') : undefined;
  if (text === undefined || text.length % 4 !== 0 || !BASE64.test(text)) {
    throw new Malformed(path, 'is not base64 with padding');
  }
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function readDouble(given: unknown, path: Path): number {
  if (typeof given === 'number') return given;
  if (typeof given === 'bigint') return Number(given);
  if (given === 'Infinity' || given === '-Infinity') return Number(given);
  if (typeof given === 'string' && JSON_NUMBER.test(given)) return Number(given);
  throw new Malformed(path, 'is not a number');
}

/** A fraction is cut off, as Mesos does: clients compute nanoseconds in floating point. */
function readInteger(type: IntegerType, given: unknown, path: Path): bigint {
  const isInteger = typeof given === 'bigint' || (typeof given === 'string' && INTEGER.test(given));
  const number = isInteger ? 0 : readDouble(given, path);
  const value = isInteger
    ? BigInt(given)
    : Number.isFinite(number)
      ? BigInt(Math.trunc(number))
      : undefined;
  if (value === undefined || !isWithin(type, value)) {
    throw new Malformed(path, `is out of the range of ${type}`);
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
