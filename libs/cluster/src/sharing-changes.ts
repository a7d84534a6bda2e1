// Owns what operators set about sharing: all changes of a call or none, judged together as what they come to, in force
// at once. What is set is in shares.ts, what can be wrong with it in sharing-problems.ts.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import {
  type FrameworkRef,
  frameworkKey,
  type PrincipalName,
  type RoleName,
} from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type {
  OperatorSharingRequest,
  OperatorSharingResult,
  SharingChange,
} from '@parley/protocol/operators';
import type { ClusterState } from './cluster-state.ts';
import { rescindBeyondLimits } from './limit-checks.ts';
import { MAX_FRAMEWORK_SETTINGS, MAX_ROLE_SETTINGS, MAX_TOLD_PROBLEMS } from './limits.ts';
import type { RoleShares, Shares } from './records.ts';
import { usedRoles } from './role-uses.ts';
import {
  changedRoleShares,
  changedShares,
  differenceOf,
  isDefault,
  onlyClears,
  roleSharesOf,
  sharesOf,
} from './shares.ts';
import { newProblems, type Problem } from './sharing-problems.ts';
import { removedFailure } from './tombstones.ts';
import { report, type Turn } from './turn.ts';

/**
 * Fails with `unknownRole` or `notSubscribed` where something is cleared of what is not there, with `frameworkRemoved`,
 * with `invalidQuota`, and with `needsForce` unless it is forced. Offers that pass a new limit are rescinded.
 */
export function changeSharing(
  turn: Turn,
  operator: PrincipalName,
  { changes, force }: OperatorSharingRequest,
): Answer {
  const { state } = turn;
  const before = draftOf(state);
  const drafted = drafting(state, changes);
  if (!drafted.ok) return drafted;
  const after = drafted.value;
  const failure = refusal(newProblems(state, before, after), force);
  if (failure !== undefined) return failure;
  const roles = named(changes, 'role').map(({ role }) => role);
  const frameworks = named(changes, 'framework').map(({ framework }) => framework);
  for (const role of new Set(roles)) putRole(turn, operator, { role, after });
  const byKey = new Map(frameworks.map((framework) => [frameworkKey(framework), framework]));
  for (const framework of byKey.values()) putFramework(turn, operator, { framework, after });
  const result: OperatorSharingResult = {
    rescindedOffers: rescindBeyondLimits(turn, {
      roles: new Set(roles),
      frameworks: byKey.values(),
    }),
  };
  return succeed(result);
}

type Draft = {
  readonly roles: Map<RoleName, RoleShares>;
  readonly frameworks: Map<string, Shares & { readonly framework: FrameworkRef }>;
};

function draftOf(state: ClusterState): Draft {
  const roles = [...state.roleSettings.rows()].map((record): [RoleName, RoleShares] => {
    return [record.role, record];
  });
  return { roles: new Map(roles), frameworks: new Map(state.frameworkSettings.entries()) };
}

/** All that would be set after the changes, one after another. */
function drafting(state: ClusterState, changes: readonly SharingChange[]): Outcome<Draft> {
  const draft = draftOf(state);
  const used: ReadonlySet<RoleName> = changes.some(onlyClears) ? usedRoles(state) : new Set();
  for (const change of changes) {
    const drafted =
      change.kind === 'role'
        ? draftRole(draft, change, used)
        : draftFramework(draft, change, state);
    if (!drafted.ok) return drafted;
  }
  dropDefaults(draft);
  return withinBounds(draft);
}

type ChangeOf<Kind> = Extract<SharingChange, { kind: Kind }>;

function draftRole(
  { roles }: Draft,
  change: ChangeOf<'role'>,
  used: ReadonlySet<RoleName>,
): Outcome<void> {
  const { role } = change;
  if (onlyClears(change) && !roles.has(role) && !used.has(role)) {
    const message = `there is no role ${role}: no framework uses it, and nothing is set for it`;
    return fail('unknownRole', message);
  }
  roles.set(role, changedRoleShares(roleSharesOf(roles.get(role)), change));
  return succeed(undefined);
}

function draftFramework(
  { frameworks }: Draft,
  change: ChangeOf<'framework'>,
  state: ClusterState,
): Outcome<void> {
  const { framework } = change;
  const key = frameworkKey(framework);
  if (state.tombstones.has(key)) return removedFailure(key);
  if (onlyClears(change) && !frameworks.has(key) && !state.frameworks.has(key)) {
    return fail('notSubscribed', `there is no framework ${key}, and nothing is set for it`);
  }
  frameworks.set(key, { framework, ...changedShares(sharesOf(frameworks.get(key)), change) });
  return succeed(undefined);
}

function dropDefaults({ roles, frameworks }: Draft): void {
  for (const [role, shares] of roles) if (isDefault(roleSharesOf(shares))) roles.delete(role);
  for (const [key, shares] of frameworks) if (isDefault(sharesOf(shares))) frameworks.delete(key);
}

function withinBounds(draft: Draft): Outcome<Draft> {
  if (draft.roles.size > MAX_ROLE_SETTINGS) {
    return fail(
      'invalidQuota',
      `something is set for ${MAX_ROLE_SETTINGS} roles: clear some first`,
    );
  }
  if (draft.frameworks.size > MAX_FRAMEWORK_SETTINGS) {
    const message = `something is set for ${MAX_FRAMEWORK_SETTINGS} frameworks: clear some first`;
    return fail('invalidQuota', message);
  }
  return succeed(draft);
}

/** Those that cannot be forced come first; whoever is told of them corrects them first. */
function refusal(
  problems: readonly Problem[],
  force: boolean,
): ReturnType<typeof fail> | undefined {
  const firm = problems.filter(({ canBeForced }) => !canBeForced);
  if (firm.length > 0) return fail('invalidQuota', describe(firm));
  return problems.length === 0 || force ? undefined : fail('needsForce', describe(problems));
}

function describe(problems: readonly Problem[]): string {
  const told = problems.slice(0, MAX_TOLD_PROBLEMS).map(({ message }) => message);
  const left = problems.length - told.length;
  return [...told, ...(left > 0 ? [`and ${left} more`] : [])].join('; ');
}

function named<Kind extends SharingChange['kind']>(
  changes: readonly SharingChange[],
  kind: Kind,
): ChangeOf<Kind>[] {
  return changes.filter((change): change is ChangeOf<Kind> => change.kind === kind);
}

function putRole(
  turn: Turn,
  operator: PrincipalName,
  { role, after }: { readonly role: RoleName; readonly after: Draft },
): void {
  const { state, context } = turn;
  const [old, shares] = [roleSharesOf(state.roleSettings.get(role)), after.roles.get(role)];
  const difference = differenceOf(old, roleSharesOf(shares));
  if (isSame(difference)) return;
  if (shares === undefined) state.roleSettings.delete(role);
  else {
    const set = { by: operator, changedWallTimeMs: context.wallTimeMs };
    state.roleSettings.put(role, { role, ...roleSharesOf(shares), ...set });
  }
  state.marks.role(role);
  report(turn, { type: 'roleSharesChanged', operator, role, ...difference });
}

function putFramework(
  turn: Turn,
  operator: PrincipalName,
  { framework, after }: { readonly framework: FrameworkRef; readonly after: Draft },
): void {
  const { state, context } = turn;
  const key = frameworkKey(framework);
  const [old, shares] = [sharesOf(state.frameworkSettings.get(key)), after.frameworks.get(key)];
  const difference = differenceOf(old, sharesOf(shares));
  if (isSame(difference)) return;
  if (shares === undefined) state.frameworkSettings.delete(key);
  else {
    const set = { by: operator, changedWallTimeMs: context.wallTimeMs };
    state.frameworkSettings.put(key, { framework, ...sharesOf(shares), ...set });
  }
  state.books.sharers.weighs(key, sharesOf(shares).weight);
  state.marks.frameworkShare(framework);
  report(turn, { type: 'frameworkSharesChanged', operator, framework, ...difference });
}

const isSame = ({ before, after }: { before: object; after: object }): boolean =>
  Object.keys(before).length + Object.keys(after).length === 0;
