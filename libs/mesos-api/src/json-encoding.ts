// Owns how a message is written as JSON in the way Mesos does: fields that are set, unset ones that have a default which
// is not deprecated, 64-bit integers as numbers with all their digits, no line break. Throws Malformed for a value that is not of its type.
import { fieldsOf } from './fields.ts';
import { Malformed, type Path } from './malformed.ts';
import type { Field, FieldType, MessageType } from './message-type.ts';
import { checkedName, checkedScalar, type Scalar } from './scalar-values.ts';

/** Above this size a double is printed with an exponent, which needs no decimal point. */
const EXPONENT_FROM = 1e21;

export function messageToJson(type: MessageType, value: object): string {
  return writeMessage(type, value, []);
}

function writeMessage(type: MessageType, value: unknown, path: Path): string {
  if (typeof value !== 'object' || value === null) throw new Malformed(path, 'is not an object');
  const members: string[] = [];
  const given = value as Readonly<Record<string, unknown>>;
  for (const [name, field] of fieldsOf(type)) {
    path.push(name);
    const written = writeField(field, given[name], path);
    if (written !== undefined) members.push(`"${name}":${written}`);
    path.pop();
  }
  return `{${members.join(',')}}`;
}

function writeField(field: Field, value: unknown, path: Path): string | undefined {
  if (value === undefined || value === null) {
    if (field.rule === 'required') throw new Malformed(path, 'is required');
    if (field.default === undefined || field.isDeprecated) return undefined;
    return writeValue(field.type, field.default, path);
  }
  if (field.rule === 'repeated') return writeList(field.type, value, path);
  if (field.rule === 'map') return writeMap(field.type, value, path);
  return writeValue(field.type, value, path);
}

function writeList(type: FieldType, value: unknown, path: Path): string | undefined {
  if (!Array.isArray(value)) throw new Malformed(path, 'is not a list');
  const items: string[] = [];
  for (const [index, item] of value.entries()) {
    path.push(index);
    items.push(writeValue(type, item, path));
    path.pop();
  }
  return items.length === 0 ? undefined : `[${items.join(',')}]`;
}

function writeMap(type: FieldType, value: unknown, path: Path): string | undefined {
  if (typeof value !== 'object' || value === null) throw new Malformed(path, 'is not an object');
  const members: string[] = [];
  for (const [key, item] of Object.entries(value)) {
    path.push(key);
    members.push(`${JSON.stringify(key)}:${writeValue(type, item, path)}`);
    path.pop();
  }
  return members.length === 0 ? undefined : `{${members.join(',')}}`;
}

function writeValue(type: FieldType, value: unknown, path: Path): string {
  if (typeof type !== 'object') return writeScalar(checkedScalar(type, value, path));
  if (type.kind === 'message') return writeMessage(type, value, path);
  return `"${checkedName(type, value, path)}"`;
}

function writeScalar(value: Scalar): string {
  if (typeof value === 'number') return writeDouble(value);
  if (typeof value === 'string') return JSON.stringify(value);
  return value instanceof Uint8Array ? `"${base64Of(value)}"` : value.toString();
}

const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** With a decimal point, so that a client which tells integers from floating point sees what Mesos sends. */
function writeDouble(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  if (Object.is(value, -0)) return '-0.0';
  const isPlain = Number.isInteger(value) && Math.abs(value) < EXPONENT_FROM;
  return isPlain ? `${value}.0` : String(value);
}
