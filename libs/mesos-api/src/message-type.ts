// Owns how a message of the Mesos v1 API is described: its fields with their numbers, types and rules, from which the
// TypeScript type of its value follows. What the messages are is in messages/; how they lie on the wire in codec.ts.

export type ScalarType =
  | 'bool'
  | 'bytes'
  | 'double'
  | 'int32'
  | 'int64'
  | 'string'
  | 'uint32'
  | 'uint64';

/** A closed set of names with their numbers; values are names in every encoding. */
export type EnumType<Name extends string = string> = {
  readonly kind: 'enum';
  readonly numbers: Readonly<Record<Name, number>>;
  readonly names: ReadonlyMap<number, Name>;
};

/** `value` is never set: it carries the type of the values. Getters in `fields` make a message that holds itself. */
export type MessageType<Value = unknown> = {
  readonly kind: 'message';
  readonly fields: Readonly<Record<string, Field>>;
  readonly value?: Value;
};

export type FieldType = EnumType | MessageType | ScalarType;
export type FieldRule = 'map' | 'optional' | 'repeated' | 'required';

export type Field<Rule extends FieldRule = FieldRule, Type extends FieldType = FieldType> = {
  readonly number: number;
  readonly rule: Rule;
  readonly type: Type;
  /** Shown in JSON where the field is unset, unless the field is deprecated. Never put into a decoded value. */
  readonly default?: unknown;
  readonly isDeprecated?: boolean;
};

type ScalarValue = {
  bool: boolean;
  bytes: Uint8Array;
  double: number;
  int32: number;
  int64: bigint;
  string: string;
  uint32: number;
  uint64: bigint;
};

export type ValueOf<Type> = Type extends ScalarType
  ? ScalarValue[Type]
  : Type extends EnumType<infer Name>
    ? Name
    : Type extends MessageType<infer Value>
      ? Value
      : never;

type Fields = Readonly<Record<string, Field>>;
type RequiredNames<Of extends Fields> = {
  [Name in keyof Of]: Of[Name]['rule'] extends 'required' ? Name : never;
}[keyof Of];
type FieldValue<Of extends Field> = Of['rule'] extends 'repeated'
  ? readonly ValueOf<Of['type']>[]
  : Of['rule'] extends 'map'
    ? Readonly<Record<string, ValueOf<Of['type']>>>
    : ValueOf<Of['type']>;

export type MessageValue<Of extends Fields> = {
  readonly [Name in RequiredNames<Of>]: FieldValue<Of[Name]>;
} & {
  readonly [Name in Exclude<keyof Of, RequiredNames<Of>>]?: FieldValue<Of[Name]> | undefined;
};

export const message = <const Of extends Fields>(fields: Of): MessageType<MessageValue<Of>> => ({
  kind: 'message',
  fields,
});

export function enumeration<Name extends string>(
  numbers: Readonly<Record<Name, number>>,
): EnumType<Name> {
  const names = new Map<number, Name>();
  for (const name of Object.keys(numbers) as Name[]) names.set(numbers[name], name);
  return { kind: 'enum', numbers, names };
}

export const required = <Type extends FieldType>(
  number: number,
  type: Type,
): Field<'required', Type> => ({ number, rule: 'required', type });

export const optional = <Type extends FieldType>(
  number: number,
  type: Type,
  options: { readonly default?: ValueOf<Type>; readonly isDeprecated?: boolean } = {},
): Field<'optional', Type> => ({ number, rule: 'optional', type, ...options });

export const repeated = <Type extends FieldType>(
  number: number,
  type: Type,
): Field<'repeated', Type> => ({ number, rule: 'repeated', type });

/** Values by string keys, as protobuf's `map<string, Type>`. */
export const map = <Type extends FieldType>(number: number, type: Type): Field<'map', Type> => ({
  number,
  rule: 'map',
  type,
});

/** Optional fields of one type, written as names with numbers. */
export function optionals<Type extends FieldType, Name extends string>(
  type: Type,
  numbers: Readonly<Record<Name, number>>,
): Record<Name, Field<'optional', Type>> {
  const entries = Object.entries<number>(numbers);
  const fields = entries.map(([name, number]) => [name, optional(number, type)]);
  return Object.fromEntries(fields) as Record<Name, Field<'optional', Type>>;
}
