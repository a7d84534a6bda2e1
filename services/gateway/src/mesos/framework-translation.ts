// Owns what a FrameworkInfo is here: who the framework is, in which roles, and how it reads what it is told. Pure.
import { FrameworkId, type FrameworkRef, PrincipalName, RoleName } from '@parley/protocol/ids';
import type { FrameworkInfo } from './mesos-types.ts';
import { Untranslatable } from './mesos-values.ts';

/** Mesos's FrameworkInfo.Capability, those that change what is told here. */
export type Capabilities = {
  readonly revocableResources: boolean;
  readonly taskKillingState: boolean;
  readonly gpuResources: boolean;
  readonly partitionAware: boolean;
  readonly multiRole: boolean;
  readonly reservationRefinement: boolean;
};

export function capabilitiesOf({ capabilities = [] }: FrameworkInfo): Capabilities {
  const named = new Set(capabilities.map(({ type }) => type));
  return {
    revocableResources: named.has('REVOCABLE_RESOURCES'),
    taskKillingState: named.has('TASK_KILLING_STATE'),
    gpuResources: named.has('GPU_RESOURCES'),
    partitionAware: named.has('PARTITION_AWARE'),
    multiRole: named.has('MULTI_ROLE'),
    reservationRefinement: named.has('RESERVATION_REFINEMENT'),
  };
}

export type FrameworkFacts = {
  readonly name: string;
  readonly roles: RoleName[];
  readonly failoverTimeoutMs: number;
};

const MAX_NAME = 255;
const MAX_FAILOVER_MS = 365 * 24 * 3600 * 1000;
const MS = 1000;

/** Throws `Untranslatable`: Mesos calls such a FrameworkInfo invalid. */
export function frameworkFacts(info: FrameworkInfo): FrameworkFacts {
  const seconds = info.failover_timeout ?? 0;
  if (!(seconds >= 0)) throw new Untranslatable('failover_timeout: must not be negative');
  return {
    name: info.name.slice(0, MAX_NAME) || 'unnamed',
    roles: rolesOf(info),
    failoverTimeoutMs: Math.min(Math.round(seconds * MS), MAX_FAILOVER_MS),
  };
}

function rolesOf(info: FrameworkInfo): RoleName[] {
  const { role, roles = [] } = info;
  const { multiRole } = capabilitiesOf(info);
  if (multiRole && role !== undefined && role !== '*') {
    throw new Untranslatable('role: must not be set by a framework with MULTI_ROLE');
  }
  if (!multiRole && roles.length > 0) {
    throw new Untranslatable('roles: must not be set by a framework without MULTI_ROLE');
  }
  const named = multiRole ? roles : [role ?? '*'];
  if (named.length === 0) throw new Untranslatable('roles: there must be one');
  if (new Set(named).size < named.length) throw new Untranslatable('roles: one is named twice');
  return named.map((each) => roleOf(each, 'roles'));
}

export function roleOf(text: string, field: string): RoleName {
  const role = RoleName.safeParse(text);
  if (role.success) return role.data;
  throw new Untranslatable(`${field}: "${text}" ${role.error.issues[0]?.message ?? ''}`);
}

export const principalOf = (text: string | undefined): PrincipalName | undefined =>
  PrincipalName.safeParse(text).data;

/**
 * Which framework is meant by an id of Mesos's: `principal.id`, or an id alone as one of `principal`. Undefined: none can
 * have that id.
 */
export function frameworkRefOf(
  id: string,
  principal: PrincipalName | undefined,
): FrameworkRef | undefined {
  const parts = id.split('.');
  const [first, second] = parts.length === 1 ? [principal, id] : parts;
  const owner = PrincipalName.safeParse(first);
  const own = FrameworkId.safeParse(second);
  if (parts.length > 2 || !owner.success || !own.success) return undefined;
  return { principal: owner.data, frameworkId: own.data };
}
