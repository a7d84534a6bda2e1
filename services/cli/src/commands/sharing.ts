// Owns `parley role set`, `quota set|clear` and `weight set|clear`: what operators set for roles and frameworks.

import { canonical } from '@parley/cluster/canonical-hash';
import type { RoleShares } from '@parley/cluster/records';
import { usedRoles } from '@parley/cluster/role-uses';
import { changedRoleShares, roleSharesOf, sharesOf } from '@parley/cluster/shares';
import type { Followed } from '@parley/operator-sdk/operator-link';
import { frameworkKey, RoleName } from '@parley/protocol/ids';
import type { SharingChange } from '@parley/protocol/operators';
import type { Placement, Quantities } from '@parley/protocol/sharing';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine } from '../print.ts';
import { namesOf } from '../role-report.ts';
import { nameOf, type Whom } from '../sharing-arguments.ts';
import { describeShares } from '../sharing-words.ts';
import { currentContext } from './context.ts';
import type { ListPlace } from './sharing-lists.ts';

/** Null sets it back to the default; undefined leaves it. */
export type Shares = {
  readonly weight?: number | null | undefined;
  readonly guarantee?: Quantities | null | undefined;
  readonly limit?: Quantities | null | undefined;
  readonly minAllocatable?: Quantities | null | undefined;
  readonly placement?: Placement | null | undefined;
};

export type SharingHow = {
  readonly whom: Whom;
  readonly shares: Shares;
  readonly force: boolean;
};

export async function sharingCommand(
  { surroundings, context: named, json }: ListPlace,
  { whom, shares, force }: SharingHow,
): Promise<void> {
  if (Object.values(shares).every((value) => value === undefined)) {
    throw new CommandFailure(EXIT.usage, {
      what: `nothing is to be set for ${nameOf(whom)}`,
      remedy: 'name what: see --help',
    });
  }
  const context = await currentContext(surroundings, named);
  const done = await withOperator(context, async (link) => {
    const parameters = { operator: link.operator };
    const body = { changes: [changeOf(whom, shares)], force };
    const asked = await link.callLeader(SUBJECTS.operatorSharing, parameters, body);
    if (!asked.ok) throw failureFromCluster(`${nameOf(whom)} was not changed`, asked.failure);
    const now = setOf(await link.load(), whom);
    return { ...asked.value, ...now, isChangedSince: !holds(now, shares) };
  });
  if (json) printJson(done);
  else printLine(describeDone(whom, shares, done));
}

/** What is set for a role and for a framework is applied alike; the name is of no account. */
const ANY_ROLE = RoleName.parse('*');

function changeOf(whom: Whom, shares: Shares): SharingChange {
  const { weight, guarantee, limit } = shares;
  return whom.kind === 'role' ? { ...whom, ...shares } : { ...whom, weight, guarantee, limit };
}

type Done = ReturnType<typeof setOf> & {
  readonly rescindedOffers: number;
  /** Somebody else has set it after this command did. */
  readonly isChangedSince: boolean;
};

/** What is set now, whatever was changed of it, and whether anybody is there for whom it is. */
function setOf({ state }: Followed, whom: Whom) {
  if (whom.kind === 'framework') {
    const framework = frameworkKey(whom.framework);
    const set = sharesOf(state.frameworkSettings.get(framework));
    return { framework, ...set, isUsed: state.frameworks.has(framework), rolesInUse: [] };
  }
  const { role } = whom;
  const used = usedRoles(state);
  const set = roleSharesOf(state.roleSettings.get(role));
  return { role, ...set, isUsed: used.has(role), rolesInUse: [...used].sort() };
}

/** Whether it is still as it was asked for; a guarantee of 0 is none. */
function holds(now: RoleShares, shares: Shares): boolean {
  const asked = changedRoleShares(now, { kind: 'role', role: ANY_ROLE, ...shares });
  return canonical(asked) === canonical(roleSharesOf(now));
}

function describeDone(whom: Whom, shares: Shares, done: Done): string {
  const { rescindedOffers: taken } = done;
  const asked = changedRoleShares(done, { kind: 'role', role: ANY_ROLE, ...shares });
  const lines = [`${nameOf(whom)}: ${describeShares(asked)}`];
  if (done.isChangedSince) {
    lines.push(`note: it has been changed again since: ${describeShares(done)}`);
  }
  if (taken > 0) {
    lines.push(`${taken === 1 ? '1 offer was' : `${taken} offers were`} taken back`);
  }
  if (!done.isUsed) {
    lines.push(
      whom.kind === 'role'
        ? `note: no framework is in role ${whom.role} or below it yet (roles in use: ${namesOf(done.rolesInUse)})`
        : `note: ${nameOf(whom)} has not subscribed yet`,
    );
  }
  return lines.join('\n');
}
