// Owns what a subscribed framework changes about itself: its name, roles and timeouts, in which roles it takes offers,
// and what it needs. Mesos docs, "Scheduler HTTP API", SUPPRESS, REVIVE, UPDATE_FRAMEWORK.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type {
  DemandRequest,
  RolesRequest,
  UpdateFrameworkRequest,
} from '@parley/protocol/frameworks';
import { frameworkKey, type RoleName } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { readDemand } from './needs.ts';
import { outstandingOffers, rescindOffers } from './offer-book.ts';
import { checkRampUp } from './ramp-up.ts';
import type { FrameworkRecord, RoleRecord } from './records.ts';
import { report, type Turn } from './turn.ts';

/** What is not given stays. A role that it had keeps its suppression; needs of dropped roles go with them. */
export function updateFramework(
  turn: Turn,
  before: FrameworkRecord,
  request: UpdateFrameworkRequest,
): Answer {
  const { state } = turn;
  const { framework } = before;
  const { name = before.name, failoverTimeoutMs = before.failoverTimeoutMs } = request;
  const roles = request.roles === undefined ? before.roles : rolesOf(request.roles, before.roles);
  const has = new Set(roles.map(({ role }) => role));
  const demand = before.demand?.filter(({ role }) => has.has(role));
  const { offerTimeoutMs } = request;
  const record: FrameworkRecord = {
    ...before,
    name,
    roles,
    failoverTimeoutMs,
    ...(offerTimeoutMs !== undefined && { offerTimeoutMs }),
    ...(demand !== undefined && { demand }),
  };
  state.books.frameworkChanged(before, record);
  state.frameworks.put(frameworkKey(framework), record);
  state.marks.framework(framework);
  report(turn, { type: 'frameworkUpdated', framework, name, roles: [...has] });
  const dropped = outstandingOffers(state, record).filter(({ role }) => !has.has(role));
  rescindOffers(turn, dropped, 'roleDropped');
  return succeed({});
}

/** No more offers in these roles; those that are outstanding stay. Fails with `malformed` on a role that is not its own. */
export function suppressOffers(turn: Turn, record: FrameworkRecord, request: RolesRequest): Answer {
  const named = namedRoles(record, request);
  if (!named.ok) return named;
  putSuppressed(turn, record, { named: named.value, isSuppressed: true });
  return succeed({});
}

/** Offers again in these roles, whatever was refused. Fails with `malformed` on a role that is not its own. */
export function reviveOffers(turn: Turn, record: FrameworkRecord, request: RolesRequest): Answer {
  const named = namedRoles(record, request);
  if (!named.ok) return named;
  putSuppressed(turn, record, { named: named.value, isSuppressed: false });
  const { framework } = record;
  const { marks } = turn.state;
  if (request.roles.length === 0) marks.tell({ kind: 'filtersCleared', framework });
  else {
    for (const role of named.value) marks.tell({ kind: 'filtersCleared', framework, role });
  }
  return succeed({});
}

/** Fails with `malformed` when a need is for a role that is not its own, or no offer would meet it. */
export function stateDemand(
  turn: Turn,
  record: FrameworkRecord,
  { demand }: DemandRequest,
): Answer {
  const { state } = turn;
  const key = frameworkKey(record.framework);
  if (demand === undefined) {
    const { demand: _, ...rest } = record;
    state.frameworks.put(key, rest);
  } else {
    const roles = record.roles.map(({ role }) => role);
    const needs = readDemand(demand, { roles, takesRevocable: record.takesRevocable });
    if (!needs.ok) return needs;
    state.frameworks.put(key, { ...record, demand: needs.value });
  }
  state.marks.framework(record.framework);
  checkRampUp(turn, key);
  return succeed({});
}

/** Roles that are new take offers. */
function rolesOf(roles: readonly RoleName[], before: readonly RoleRecord[]): RoleRecord[] {
  return roles.map(
    (role) => before.find((one) => one.role === role) ?? { role, isSuppressed: false },
  );
}

/** None named means all. */
function namedRoles(
  { roles }: FrameworkRecord,
  request: RolesRequest,
): Outcome<ReadonlySet<RoleName>> {
  const own = new Set(roles.map(({ role }) => role));
  if (request.roles.length === 0) return succeed(own);
  const foreign = request.roles.find((role) => !own.has(role));
  if (foreign !== undefined) return fail('malformed', `roles: ${foreign} is no role of it`);
  return succeed(new Set(request.roles));
}

function putSuppressed(
  { state }: Turn,
  record: FrameworkRecord,
  { named, isSuppressed }: { named: ReadonlySet<RoleName>; isSuppressed: boolean },
): void {
  const roles = record.roles.map((one) => (named.has(one.role) ? { ...one, isSuppressed } : one));
  state.frameworks.put(frameworkKey(record.framework), { ...record, roles });
  state.marks.framework(record.framework);
}
