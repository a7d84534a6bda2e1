// Owns how a message of the Mesos v1 API becomes bytes and how bytes become a message, in both encodings.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { messageFromJson } from './json-decoding.ts';
import { messageToJson } from './json-encoding.ts';
import { Malformed } from './malformed.ts';
import { MESSAGE_TYPES, type MessageName, type MessageOf } from './message-types.ts';
import { messageFromProtobuf, messageToProtobuf } from './protobuf-encoding.ts';

export type Encoding = 'json' | 'protobuf';

/**
 * The message, as a plain object that is the same whatever the encoding was:
 * - names of fields as Mesos has them; an unset field, an empty list and an empty map are absent; defaults are not put in;
 * - enums are their names; a name or number that is not known counts as unset;
 * - **64-bit integers (`int64`, `uint64`) are always bigints**, 32-bit ones and doubles always numbers (never NaN);
 * - bytes are a Uint8Array of their own; maps have no prototype.
 *
 * Fails with `malformed`, whose message names the field. Never throws, whatever the bytes are.
 */
export function decode<Name extends MessageName>(
  name: Name,
  encoding: Encoding,
  bytes: Uint8Array,
): Outcome<MessageOf<Name>> {
  try {
    const type = MESSAGE_TYPES[name];
    const value =
      encoding === 'json' ? messageFromJson(type, textOf(bytes)) : messageFromProtobuf(type, bytes);
    return succeed(value as MessageOf<Name>);
  } catch (error) {
    if (error instanceof Malformed) return fail('malformed', error.message);
    throw error;
  }
}

/**
 * The bytes of a message, of an object as `decode` gives it; fields may also be undefined, and 64-bit integers safe
 * numbers. In JSON without any line break. Throws if the value is not of its type: that is a defect of the caller.
 */
export function encode<Name extends MessageName>(
  name: Name,
  encoding: Encoding,
  value: MessageOf<Name>,
): Uint8Array {
  const type = MESSAGE_TYPES[name];
  return encoding === 'json'
    ? new TextEncoder().encode(messageToJson(type, value))
    : messageToProtobuf(type, value);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Malformed([], 'is not UTF-8');
  }
}
