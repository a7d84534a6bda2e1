// Owns the wire types of protobuf: made from the descriptions of the messages by protobufjs's reflection, once, at the
// first use. Every field is optional there, because what is required is checked by the walks, which name its path.
import protobuf from 'protobufjs';
import { fieldsOf } from './fields.ts';
import type { EnumType, Field, FieldType, MessageType } from './message-type.ts';
import { MESSAGE_TYPES } from './message-types.ts';

let built: ReadonlyMap<MessageType, protobuf.Type> | undefined;

export function wireTypeOf(type: MessageType): protobuf.Type {
  built ??= buildTypes();
  const wireType = built.get(type);
  if (wireType === undefined) throw new Error('only messages that have a name are encoded');
  return wireType;
}

/** The types lie side by side in one root; their names are never seen. */
function buildTypes(): ReadonlyMap<MessageType, protobuf.Type> {
  const root = new protobuf.Root();
  const enums = new Map<EnumType, protobuf.Enum>();
  const messages = new Map<MessageType, protobuf.Type>();

  const nameOf = (type: FieldType): string => {
    if (typeof type === 'string') return type;
    return type.kind === 'enum' ? enumOf(type).name : messageOf(type).name;
  };
  const enumOf = (type: EnumType): protobuf.Enum => {
    const made = enums.get(type) ?? new protobuf.Enum(`Enum${enums.size}`, { ...type.numbers });
    if (!enums.has(type)) root.add(made);
    enums.set(type, made);
    return made;
  };
  const messageOf = (type: MessageType): protobuf.Type => {
    const known = messages.get(type);
    if (known !== undefined) return known;
    const made = new protobuf.Type(`Message${messages.size}`);
    // Known before its fields are added: a message may hold itself.
    messages.set(type, made);
    for (const [name, field] of fieldsOf(type)) made.add(fieldOf(name, field));
    root.add(made);
    return made;
  };
  const fieldOf = (name: string, { number, rule, type }: Field) => {
    if (rule === 'map') return new protobuf.MapField(name, number, 'string', nameOf(type));
    return new protobuf.Field(name, number, nameOf(type), rule === 'repeated' ? rule : 'optional');
  };

  for (const type of Object.values(MESSAGE_TYPES)) messageOf(type);
  root.resolveAll();
  return messages;
}
