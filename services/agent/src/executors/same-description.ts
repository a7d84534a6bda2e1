// Owns when two descriptions of an executor are the same: by what they say, in whatever order it came over the wire.
import type { ExecutorDescription } from '@parley/protocol/executor-description';

export function sameDescription(one: ExecutorDescription, other: ExecutorDescription): boolean {
  return canonical(one) === canonical(other);
}

function canonical(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${Array.from(value).join(' ')}`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.toSorted().join(',')}}`;
}
