// Owns how a message lies on the wire in protobuf: protobufjs reads and writes it, and the walks here turn its numbers of
// enums and halves of 64-bit integers into ours, and back. Throws nothing but Malformed.
import { fieldsOf } from './fields.ts';
import { Malformed, type Path } from './malformed.ts';
import type { Field, FieldType, MessageType } from './message-type.ts';
import { wireTypeOf } from './protobuf-types.ts';
import { checkedName, checkedScalar } from './scalar-values.ts';

type Halves = { readonly low: number; readonly high: number; readonly unsigned: boolean };
type Walk = (type: FieldType, value: unknown, path: Path) => unknown;

export function messageToProtobuf(type: MessageType, value: object): Uint8Array {
  const wireValue = writeMessage(type, value, []);
  return wireTypeOf(type).encode(wireValue).finish();
}

/** A value of an enum that is not known is left out, as proto2 has it for a closed enum; so are unknown fields. */
export function messageFromProtobuf(type: MessageType, bytes: Uint8Array): object {
  let decoded: object;
  try {
    decoded = wireTypeOf(type).decode(bytes);
  } catch (error) {
    throw new Malformed([], `is not protobuf: ${error instanceof Error ? error.message : error}`);
  }
  return readMessage(type, decoded, []);
}

function writeMessage(type: MessageType, value: unknown, path: Path): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Malformed(path, 'is not an object');
  return walkFields(type, value, path, writeValue);
}

function readMessage(type: MessageType, value: unknown, path: Path): Record<string, unknown> {
  return walkFields(type, value as object, path, readValue);
}

function walkFields(type: MessageType, value: object, path: Path, walk: Walk) {
  const walked: Record<string, unknown> = {};
  for (const [name, field] of fieldsOf(type)) {
    path.push(name);
    const given = Object.hasOwn(value, name) ? value[name as keyof typeof value] : undefined;
    const made = given === undefined ? undefined : walkField(field, given, path, walk);
    if (made !== undefined) walked[name] = made;
    else if (field.rule === 'required') throw new Malformed(path, 'is required');
    path.pop();
  }
  return walked;
}

function walkField(field: Field, given: unknown, path: Path, walk: Walk): unknown {
  if (field.rule === 'repeated') return walkList(field.type, given, path, walk);
  if (field.rule === 'map') return walkMap(field.type, given, path, walk);
  return walk(field.type, given, path);
}

function walkList(type: FieldType, given: unknown, path: Path, walk: Walk) {
  if (!Array.isArray(given)) throw new Malformed(path, 'is not a list');
  const walked: unknown[] = [];
  for (const [index, item] of given.entries()) {
    path.push(index);
    walked.push(walk(type, item, path));
    path.pop();
  }
  return walked.length === 0 ? undefined : walked;
}

/** The keys come from outside: the result has no prototype that one of them could reach. */
function walkMap(type: FieldType, given: unknown, path: Path, walk: Walk) {
  if (typeof given !== 'object' || given === null) throw new Malformed(path, 'is not an object');
  const entries = Object.entries(given);
  if (entries.length === 0) return undefined;
  const walked: Record<string, unknown> = Object.create(null);
  for (const [key, item] of entries) {
    path.push(key);
    walked[key] = walk(type, item, path);
    path.pop();
  }
  return walked;
}

function writeValue(type: FieldType, value: unknown, path: Path): unknown {
  if (typeof type === 'object') {
    if (type.kind === 'message') return writeMessage(type, value, path);
    return type.numbers[checkedName(type, value, path)];
  }
  const scalar = checkedScalar(type, value, path);
  if (typeof scalar !== 'bigint') return scalar;
  const is32 = type === 'int32' || type === 'uint32';
  return is32 ? Number(scalar) : halvesOf(scalar, type === 'uint64');
}

function readValue(type: FieldType, value: unknown, path: Path): unknown {
  if (typeof type === 'object') {
    return type.kind === 'enum' ? type.names.get(value as number) : readMessage(type, value, path);
  }
  if (type === 'int64' || type === 'uint64') return joinHalves(value as Halves, type === 'uint64');
  // The bytes lie in the buffer of the request, which is not the value's.
  if (type === 'bytes') return new Uint8Array(value as Uint8Array);
  if (Number.isNaN(value)) throw new Malformed(path, 'is not a number');
  return value;
}

const halvesOf = (value: bigint, unsigned: boolean): Halves => ({
  low: Number(BigInt.asIntN(32, value)),
  high: Number(BigInt.asIntN(32, value >> 32n)),
  unsigned,
});

function joinHalves({ low, high }: Halves, unsigned: boolean): bigint {
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  return unsigned ? bits : BigInt.asIntN(64, bits);
}
