// Owns what a framework is guaranteed, and whether it would still have it without some of what it holds. A guarantee is
// the framework's own, over all its roles, where one is set; else its role's, shared among the role's frameworks by
// weight; where none is set it is nothing. What a role above is guaranteed stays within it: whoever is outside takes
// nothing of it, whichever framework holds it. Mesos docs, "Quota".
import { type FrameworkRef, frameworkKey, type RoleName, taskKey } from '@parley/protocol/ids';
import type { Quantities } from '@parley/protocol/sharing';
import { shareByWeight } from '@parley/resources/share-by-weight';
import type { ClusterState } from './cluster-state.ts';
import { fallsWith } from './group-members.ts';
import type { TaskRecord } from './records.ts';
import { isRoleOrAbove, pathOf } from './roles.ts';
import { ScalarSums } from './scalar-sums.ts';
import { quantityOf, sharesOf } from './shares.ts';

/** `scope`: what is held in all roles counts, or only what is held in the one. */
export type Guaranteed = { readonly scope: 'framework' | 'role'; readonly amounts: Quantities };

/** Of the framework, as a holder in this role. */
export function guaranteeOf(
  state: ClusterState,
  framework: FrameworkRef,
  role: RoleName,
): Guaranteed {
  const own = state.frameworkSettings.get(frameworkKey(framework))?.guarantee ?? {};
  if (Object.keys(own).length > 0) return { scope: 'framework', amounts: own };
  const whole = state.roleSettings.get(role)?.guarantee ?? {};
  if (Object.keys(whole).length === 0) return { scope: 'role', amounts: {} };
  const { weight } = sharesOf(state.frameworkSettings.get(frameworkKey(framework)));
  // One that is about to come back to the role is not among those who share in it.
  const all = Math.max(state.books.sharers.weightsOf(role), weight);
  return { scope: 'role', amounts: shareByWeight(whole, weight, all) };
}

type Loss = {
  /** The tasks of the framework that end at once, the one that is asked about among them. */
  readonly together?: readonly TaskRecord[];
  /** What goes beside them. */
  readonly more?: Quantities;
  /** Absent: as it is set. */
  readonly guaranteed?: Guaranteed;
};

/**
 * Why the task may not be taken back: its framework would have less than it is guaranteed. What is offered to it is not
 * held; what is being taken back already is as good as gone.
 */
export function guaranteeObjection(
  state: ClusterState,
  task: TaskRecord,
  { together = [task], more = {}, guaranteed }: Loss = {},
): string | undefined {
  const { scope, amounts } = guaranteed ?? guaranteeOf(state, task.task, task.role);
  if (Object.values(amounts).every((amount) => amount === 0)) return undefined;
  const counted = together.filter(({ role }) => scope === 'framework' || role === task.role);
  const falls = new ScalarSums();
  for (const one of counted) falls.add(fallsWith(state, one));
  falls.add(more);
  const held = heldIn(state, task, scope);
  const coming = comingBack(state, task, { scope, together });
  for (const [name, amount] of Object.entries(falls.toScalars())) {
    const least = quantityOf(amounts, name);
    const left = held.get(name) - coming.get(name) - amount;
    if (least > 0 && left < least) {
      return `its framework would have ${left} thousandths of ${name} left, and is guaranteed ${least}`;
    }
  }
  return undefined;
}

/** In tasks and executors. */
function heldIn(
  state: ClusterState,
  { task, role }: TaskRecord,
  scope: Guaranteed['scope'],
): ScalarSums {
  const sums = new ScalarSums();
  const book = state.books.frameworks.get(frameworkKey(task));
  if (book === undefined) return sums;
  if (scope === 'framework') {
    sums.add(book.allocated.toScalars());
    return sums;
  }
  sums.add(book.usage.get(role)?.toScalars() ?? {});
  for (const offerId of book.offers) {
    const offer = state.offers.get(offerId);
    if (offer?.role === role) sums.subtract(state.books.scalarsOf(offer));
  }
  return sums;
}

function comingBack(
  state: ClusterState,
  task: TaskRecord,
  { scope, together }: { scope: Guaranteed['scope']; together: readonly TaskRecord[] },
): ScalarSums {
  const sums = new ScalarSums();
  const counted = new Set(together.map((one) => taskKey(one.task)));
  for (const key of state.revocationIndex.against(frameworkKey(task.task))) {
    const other = state.tasks.get(key);
    if (other === undefined || counted.has(taskKey(other.task))) continue;
    if (scope === 'framework' || other.role === task.role) sums.add(fallsWith(state, other));
  }
  return sums;
}

type LossToOutside = Pick<Loss, 'together' | 'more'> & {
  /** The role of whoever is to have it: what goes to one within a role stays in it. */
  readonly to: RoleName;
};

/** Why it may not be taken back for somebody outside: a role above its own would have less than it is guaranteed. */
export function roleAboveObjection(
  state: ClusterState,
  task: TaskRecord,
  { to, together = [task], more = {} }: LossToOutside,
): string | undefined {
  for (const role of pathOf(task.role)) {
    if (role === task.role || isRoleOrAbove(role, to)) continue;
    const why = objectionOf(state, role, { together, more });
    if (why !== undefined) return why;
  }
  return undefined;
}

function objectionOf(
  state: ClusterState,
  role: RoleName,
  { together, more }: Required<Pick<Loss, 'together' | 'more'>>,
): string | undefined {
  const guarantee = Object.entries(state.roleSettings.get(role)?.guarantee ?? {});
  if (guarantee.length === 0) return undefined;
  const falls = new ScalarSums();
  for (const one of together) if (isRoleOrAbove(role, one.role)) falls.add(fallsWith(state, one));
  falls.add(more);
  const coming = leavingRole(state, role, together);
  const allocated = state.books.roles.get(role)?.allocated;
  for (const [name, least] of guarantee) {
    const left = (allocated?.get(name) ?? 0) - coming.get(name) - falls.get(name);
    if (falls.get(name) === 0 || left >= least) continue;
    return `role ${role} would have ${left} thousandths of ${name} left, and is guaranteed ${least}`;
  }
  return undefined;
}

/** What is being taken back of it for others. */
function leavingRole(
  state: ClusterState,
  role: RoleName,
  together: readonly TaskRecord[],
): ScalarSums {
  const sums = new ScalarSums();
  const counted = new Set(together.map((one) => taskKey(one.task)));
  for (const [key, { beneficiary }] of state.revocations.entries()) {
    const other = state.tasks.get(key);
    if (other === undefined || counted.has(taskKey(other.task))) continue;
    const isLeaving = isRoleOrAbove(role, other.role) && !isRoleOrAbove(role, beneficiary.role);
    if (isLeaving) sums.add(fallsWith(state, other));
  }
  return sums;
}
