// Owns the random steps of a history for property tests: their kinds, and what their numbers mean.
import type { Resources } from '@parley/protocol/resources';
import { amountOf } from '@parley/resources/resources';
import { resourcesOf } from './scripted-master.ts';
import type { ScriptedNeed, ScriptedShares } from './scripted-records.ts';

export const PLAIN_KINDS = [
  'agent',
  'agentAway',
  'subscribe',
  'subscribeInTwoRoles',
  'suppress',
  'revive',
  'disconnect',
  'launch',
  'useSome',
  'end',
  'end',
  'refuse',
  'refuse',
  'expire',
  'wait',
  'lose',
  'setRole',
  'setRole',
  'setShares',
  'reclaim',
  'agentWithReservation',
] as const;
/** Also such for which tasks are promised, or an offer is held back by a cap. */
export const ALL_KINDS = [
  ...PLAIN_KINDS,
  'need',
  'need',
  'needNothing',
  'stateNoDemand',
  'limitOffers',
  'cap',
] as const;

/** Such for which tasks are promised, where nothing is refused, held back or reserved: the reference divides each agent. */
export const SHARING_KINDS = [
  'agent',
  'agent',
  'agentAway',
  'subscribe',
  'subscribeInTwoRoles',
  'suppress',
  'revive',
  'launch',
  'useSome',
  'end',
  'expire',
  'setWeight',
  'need',
  'need',
  'need',
  'needNothing',
  'stateNoDemand',
] as const;

export type Step = {
  readonly kind: (typeof ALL_KINDS)[number] | 'setWeight';
  readonly who: number;
  readonly cpus: number;
  readonly mem: number;
  readonly count: number;
  readonly durationMs: number;
};

export const FRAMEWORKS = 4;
const ROLES = ['eng', 'analytics', 'eng/ads', 'research'];
export const roleOf = (number: number): string => ROLES[number % ROLES.length] ?? '';

export function needsOf({
  cpus,
  mem,
  count,
}: Pick<Step, 'cpus' | 'mem' | 'count'>): ScriptedNeed[] {
  const small = resourcesOf(1 + (cpus % 3), 10 + (mem % 200));
  const large = resourcesOf(2 + cpus, 50);
  const constraints = [{ name: 'zone', operator: 'in' as const, values: [`zone-${mem % 2}`] }];
  return [
    { shape: `small ${cpus % 3} ${mem % 200}`, resources: small, count },
    { shape: `large ${cpus} ${mem % 2}`, resources: large, count: count % 3, constraints },
  ];
}

/** Of CPUs a guarantee, a limit, both or neither; sometimes of memory, too. */
export function sharesOf({ cpus, mem, count }: Step): ScriptedShares {
  const amounts = { cpus: cpus * 1000, ...(mem % 2 === 1 && { mem: mem * 1000 }) };
  return {
    weight: 1000 * (1 + (mem % 3)),
    guarantee: count % 2 === 0 ? amounts : {},
    limit: count % 3 === 0 ? { ...amounts, cpus: amounts.cpus + 1000 } : {},
  };
}

/** Scalars only. */
export function withoutScalars(from: Resources, part: Resources): Resources {
  const scalars = Object.entries(from.scalars).map(([name, amount]) => [
    name,
    amount - amountOf(part, name),
  ]);
  return { ...from, scalars: Object.fromEntries(scalars) };
}
