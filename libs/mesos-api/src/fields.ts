// Owns what every walk over a message asks of its description: the fields, in their order.
import type { Field, MessageType } from './message-type.ts';

const known = new WeakMap<MessageType, readonly (readonly [string, Field])[]>();

/** In the order in which they are described. */
export function fieldsOf(type: MessageType): readonly (readonly [string, Field])[] {
  const fields = known.get(type) ?? Object.entries(type.fields);
  known.set(type, fields);
  return fields;
}
