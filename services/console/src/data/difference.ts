// Owns what two views differ in: what came, what went, what changed of it. Pure.
import type { View } from '@parley/cluster-view/view';

export type Difference = {
  readonly list: 'agents' | 'frameworks' | 'tasks' | 'offers';
  readonly key: string;
  readonly kind: 'came' | 'went' | 'changed';
  /** Of what changed: each field before and after. */
  readonly fields: readonly {
    readonly name: string;
    readonly before: string;
    readonly after: string;
  }[];
};

const LISTS = ['agents', 'frameworks', 'tasks', 'offers'] as const;
export const MAX_DIFFERENCES = 2000;

/** The first so many. */
export function differencesOf(before: View, after: View): readonly Difference[] {
  return LISTS.flatMap((list): Difference[] => {
    const [old, fresh]: [Map<string, object>, Map<string, object>] = [before[list], after[list]];
    const went = [...old.keys()].filter((key) => !fresh.has(key));
    const here = [...fresh].flatMap(([key, row]): Difference[] => {
      const was = old.get(key);
      if (was === undefined) return [{ list, key, kind: 'came', fields: [] }];
      const fields = fieldsOf(was, row);
      return fields.length === 0 ? [] : [{ list, key, kind: 'changed', fields }];
    });
    return [...went.map((key) => ({ list, key, kind: 'went' as const, fields: [] })), ...here];
  }).slice(0, MAX_DIFFERENCES);
}

function fieldsOf(before: object, after: object): Difference['fields'] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => {
    const [was, is] = [textOf(Reflect.get(before, name)), textOf(Reflect.get(after, name))];
    return was === is ? [] : [{ name, before: was, after: is }];
  });
}

/** Of amounts the order in which they came says nothing. */
function textOf(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return value.join(', ');
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, part]) => `${name} ${String(part)}`)
    .join(', ');
}
