// Owns which values a field of a scalar type or an enum holds, whatever the encoding.
import { Malformed, type Path } from './malformed.ts';
import type { EnumType, ScalarType } from './message-type.ts';

const INTEGER_BOUNDS = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const satisfies Record<string, readonly [bigint, bigint]>;

export type IntegerType = keyof typeof INTEGER_BOUNDS;

export function isWithin(type: IntegerType, value: bigint): boolean {
  const [lowest, highest] = INTEGER_BOUNDS[type];
  return value >= lowest && value <= highest;
}

export type Scalar = bigint | boolean | number | string | Uint8Array;

/** The value if it is of the type; an integer as a bigint. Throws Malformed. */
export function checkedScalar(type: ScalarType, value: unknown, path: Path): Scalar {
  switch (type) {
    case 'bool':
      if (typeof value === 'boolean') return value;
      break;
    case 'bytes':
      if (value instanceof Uint8Array) return value;
      break;
    case 'string':
      if (typeof value === 'string') return value;
      break;
    case 'double':
      if (typeof value === 'number' && !Number.isNaN(value)) return value;
      break;
    default: {
      const integer = integerOf(type, value);
      if (integer !== undefined) return integer;
    }
  }
  throw new Malformed(path, `is not of type ${type}`);
}

function integerOf(type: IntegerType, value: unknown): bigint | undefined {
  const isSafe = typeof value === 'number' && Number.isSafeInteger(value);
  const integer = isSafe ? BigInt(value) : value;
  return typeof integer === 'bigint' && isWithin(type, integer) ? integer : undefined;
}

/** The name if the enum has it. Throws Malformed. */
export function checkedName(type: EnumType, value: unknown, path: Path): string {
  if (typeof value === 'string' && Object.hasOwn(type.numbers, value)) return value;
  throw new Malformed(path, `has no value called ${String(value)}`);
}
