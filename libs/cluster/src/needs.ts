// Owns what frameworks say they need: shapes, what is open of it, and how launches lower it.
// Which agent's resources go to which need is the allocator's business.
import { createHash } from 'node:crypto';
import type { OpenNeed } from '@parley/protocol/allocation';
import { type Constraints, unmetConstraint } from '@parley/protocol/constraints';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { Demand } from '@parley/protocol/frameworks';
import { type FrameworkRef, frameworkKey, type RoleName } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { equals, isEmpty, normalise } from '@parley/resources/resources';
import { canonical } from './canonical-hash.ts';
import type { ClusterState } from './cluster-state.ts';
import { promiseKey } from './framework-book.ts';
import type { AgentRecord, FrameworkRecord, NeedRecord } from './records.ts';

const SHAPE_LENGTH = 16;

/** Equal resources and constraints have one shape. `resources` in normal form. */
export function shapeOf(resources: Resources, constraints: Constraints): string {
  const text = canonical([resources, constraints]);
  return createHash('sha256').update(text).digest('hex').slice(0, SHAPE_LENGTH);
}

/**
 * What the framework stated, in the order in which it did; equal needs are counted together. Fails with
 * `malformed` when a need is for a role that is not one of `roles`, or for nothing: no offer would meet it.
 */
export function readDemand(
  demand: Demand,
  roles: readonly RoleName[],
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
    const { constraints } = need;
    const shape = shapeOf(resources, constraints);
    const key = promiseKey(role, shape);
    const count = need.count + (needs.get(key)?.count ?? 0);
    needs.set(key, { role, shape, count, resources, constraints });
  }
  return succeed([...needs.values()]);
}

/** What is stated less what outstanding offers promise; undefined where the framework states no demand. */
export function openNeeds(
  state: ClusterState,
  { framework, demand }: FrameworkRecord,
  role: RoleName,
): OpenNeed[] | undefined {
  const open = demand
    ?.filter((need) => need.role === role)
    .map(({ shape, count, resources, constraints }) => {
      const left = count - promisedCount(state, framework, { role, shape });
      return { shape, count: left, resources, constraints };
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
    readonly tasks: readonly Resources[];
  },
): readonly NeedRecord[] {
  const { role, agent, promised, tasks } = launched;
  const needs = [...demand];
  for (const resources of tasks) {
    const met = needs.filter(
      (need) =>
        need.count > 0 &&
        need.role === role &&
        equals(need.resources, resources) &&
        (agent === undefined || unmetConstraint(agent, need.constraints) === undefined),
    );
    const need = met.find(({ shape }) => promised.has(shape)) ?? met[0];
    if (need !== undefined) needs[needs.indexOf(need)] = { ...need, count: need.count - 1 };
  }
  return needs;
}
