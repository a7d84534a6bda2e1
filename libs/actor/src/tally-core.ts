// Owns a small core for this package's own tests: it counts, and it throws when it is told to.
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Core, SnapshotItem, StepContext } from './core.ts';

export const TallyInput = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('add'), key: z.string(), amount: z.int() }),
  /** Changes the state, then throws: only a state made anew is right afterwards. */
  z.object({ kind: z.literal('poison'), key: z.string() }),
  z.object({ kind: z.literal('recurse') }),
  /** Makes snapshots large. */
  z.object({ kind: z.literal('fill'), key: z.string(), bytes: z.int() }),
]);
export type TallyInput = z.infer<typeof TallyInput>;

export type TallyState = {
  readonly totals: Map<string, number>;
  readonly texts: Map<string, string>;
};
export type TallyEffect = { readonly key: string; readonly total: number; readonly atMs: number };

const RULES_VERSION = 3;

export function tallyCore(
  rulesVersion = RULES_VERSION,
  oldestRulesVersion = rulesVersion,
): Core<TallyState, TallyInput, TallyEffect> {
  return {
    rulesVersion,
    oldestRulesVersion,
    inputSchema: TallyInput,
    create: () => ({ totals: new Map(), texts: new Map() }),
    begin: () => [],
    finish: (state, context) => [
      { key: 'entry', total: state.totals.size, atMs: context.coreTimeMs },
    ],
    step,
    hash: (state) =>
      createHash('sha256')
        .update(JSON.stringify([[...state.totals], [...state.texts]]))
        .digest('hex'),
    snapshot: (state) => {
      const items: SnapshotItem[] = [
        ...[...state.totals].map(([key, total]): SnapshotItem => ['totals', key, total]),
        ...[...state.texts].map(([key, text]): SnapshotItem => ['texts', key, text]),
      ];
      return { next: (limit) => items.splice(0, limit) };
    },
    restore: (items) => {
      const state: TallyState = { totals: new Map(), texts: new Map() };
      for (const [table, key, record] of items) {
        if (table === 'totals') state.totals.set(key, z.number().parse(record));
        else state.texts.set(key, z.string().parse(record));
      }
      return state;
    },
  };
}

function step(state: TallyState, context: StepContext, input: TallyInput): TallyEffect[] {
  switch (input.kind) {
    case 'add':
      return [add(state, context, input.key, input.amount)];
    case 'poison':
      add(state, context, input.key, 1_000_000);
      throw new Error(`poisoned ${input.key}`);
    case 'recurse':
      return step(state, context, input);
    case 'fill':
      state.texts.set(input.key, 'x'.repeat(input.bytes));
      return [];
    default:
      return input satisfies never;
  }
}

function add(state: TallyState, context: StepContext, key: string, amount: number): TallyEffect {
  const total = (state.totals.get(key) ?? 0) + amount;
  state.totals.set(key, total);
  return { key, total, atMs: context.coreTimeMs };
}
