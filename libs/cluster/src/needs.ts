// Owns what frameworks say they need: shapes, what is open of it, and how launches lower it.
// Which agent's resources go to which need is the allocator's business.
import { createHash } from 'node:crypto';
import type { OpenNeed } from '@parley/protocol/allocation';
import { type Constraints, unmetConstraint } from '@parley/protocol/constraints';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { Demand, Need } from '@parley/protocol/frameworks';
import { type FrameworkRef, frameworkKey, type RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableUse } from '@parley/protocol/revocations';
import { equals, isEmpty, normalise } from '@parley/resources/resources';
import { canonical } from './canonical-hash.ts';
import type { ClusterState } from './cluster-state.ts';
import { promiseKey } from './framework-book.ts';
import type { AgentRecord, FrameworkRecord, NeedRecord } from './records.ts';

const SHAPE_LENGTH = 16;

type DemandingFramework = {
  readonly roles: readonly RoleName[];
  readonly takesRevocable?: boolean | undefined;
};

/** Equal resources, constraints and use of what is revocable have one shape. `resources` in normal form. */
export function shapeOf(
  resources: Resources,
  constraints: Constraints,
  revocable?: RevocableUse,
): string {
  const text = canonical([resources, constraints, ...(revocable === undefined ? [] : [revocable])]);
  return createHash('sha256').update(text).digest('hex').slice(0, SHAPE_LENGTH);
}

/**
 * What the framework stated, in the order in which it did; equal needs are counted together. Fails with
 * `malformed` when no offer would meet a need: it is for a role that is not one of `roles`, or for nothing, or may run on
 * what is revocable, which the framework does not take.
 */
export function readDemand(
  demand: Demand,
  { roles, takesRevocable = false }: DemandingFramework,
): Outcome<readonly NeedRecord[]> {
  const needs = new Map<string, NeedRecord>();
  for (const [index, need] of demand.entries()) {
    const role = need.role ?? roles[0];
    if (role === undefined || !roles.includes(role)) {
      return fail('malformed', `demand.${index}.role: ${need.role} is not one of the roles`);
    }
    const resources = normalise(need.resources);
    if (isEmpty(resources)) {
      return fail('malformed', `demand.${index}.resources: a need is for some resources`);
    }
    const { constraints, revocable } = need;
    const fault = revocableFault({ resources, revocable }, takesRevocable);
    if (fault !== undefined) return fail('malformed', `demand.${index}.${fault}`);
    const shape = shapeOf(resources, constraints, revocable);
    const key = promiseKey(role, shape);
    const count = need.count + (needs.get(key)?.count ?? 0);
    const use = revocable === undefined ? {} : { revocable };
    needs.set(key, { role, shape, count, resources, constraints, ...use });
  }
  return succeed([...needs.values()]);
}

function revocableFault(
  { resources, revocable }: Pick<Need, 'resources' | 'revocable'>,
  takesRevocable: boolean,
): string | undefined {
  if (revocable === undefined) return undefined;
  if (!takesRevocable) return 'revocable: the framework has not subscribed with takesRevocable';
  return Object.keys(resources.scalars).length === 0
    ? 'resources: only scalars are revocable, and there are none'
    : undefined;
}

/** What is stated less what outstanding offers promise; undefined where the framework states no demand. */
export function openNeeds(
  state: ClusterState,
  { framework, demand }: FrameworkRecord,
  role: RoleName,
): OpenNeed[] | undefined {
  const open = demand
    ?.filter((need) => need.role === role)
    .map(({ role: _, count, ...need }) => {
      const left = count - promisedCount(state, framework, { role, shape: need.shape });
      return { ...need, count: left };
    });
  return open?.filter(({ count }) => count > 0);
}

/** Tasks that outstanding offers promise room for. */
export function promisedCount(
  state: ClusterState,
  framework: FrameworkRef,
  { role, shape }: { readonly role: RoleName; readonly shape: string },
): number {
  const book = state.books.frameworks.get(frameworkKey(framework));
  return book?.promised.get(promiseKey(role, shape)) ?? 0;
}

/** What was launched of a need. */
export type Launched = Pick<NeedRecord, 'resources'> & { readonly isRevocable: boolean };

/** Whether tasks of the need may run so: on what is revocable, or on ordinary resources. */
export const mayRunOn = ({ revocable }: Pick<NeedRecord, 'revocable'>, isRevocable: boolean) =>
  isRevocable ? revocable !== undefined : revocable !== 'only';

/**
 * A launched task takes one off the need that it meets: one that was promised first, then one whose constraints the
 * agent meets. A count never goes below 0. Returns the demand as it is then.
 */
export function lowerNeeds(
  demand: readonly NeedRecord[],
  launched: {
    readonly role: RoleName;
    readonly agent: AgentRecord | undefined;
    readonly promised: ReadonlySet<string>;
    readonly tasks: readonly Launched[];
  },
): readonly NeedRecord[] {
  const { role, agent, promised, tasks } = launched;
  const needs = [...demand];
  for (const { resources, isRevocable } of tasks) {
    const met = needs.filter(
      (need) =>
        need.count > 0 &&
        need.role === role &&
        mayRunOn(need, isRevocable) &&
        equals(need.resources, resources) &&
        (agent === undefined || unmetConstraint(agent, need.constraints) === undefined),
    );
    const need = met.find(({ shape }) => promised.has(shape)) ?? met[0];
    if (need !== undefined) needs[needs.indexOf(need)] = { ...need, count: need.count - 1 };
  }
  return needs;
}
