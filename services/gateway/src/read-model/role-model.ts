// Owns how roles, weights, quota and maintenance read for Mesos's tools.
import type { ClusterState } from '@parley/cluster/cluster-state';
import { inverseOffersOf } from '@parley/cluster/maintenance-book';
import type { MaintenanceRecord } from '@parley/cluster/maintenance-records';
import { knownRoles } from '@parley/cluster/role-uses';
import { roleSharesOf } from '@parley/cluster/shares';
import type { RoleName } from '@parley/protocol/ids';
import { MILLI } from '@parley/protocol/resources';
import { DEFAULT_WEIGHT, type Quantities } from '@parley/protocol/sharing';
import { nanosecondsOf } from '../mesos/mesos-values.ts';
import { mesosFrameworkId } from './mesos-ids.ts';
import { mesosResources, sumsOfScalars } from './mesos-resources.ts';
import { type Model, secondsOf } from './model.ts';

type Scalars = Readonly<Record<string, number>>;

/** As a map of Mesos's interface: `{ cpus: { value: 2 } }`. */
const quantities = (scalars: Scalars): Record<string, { value: number }> =>
  Object.fromEntries(
    Object.entries(scalars).map(([name, amount]) => [name, { value: amount / MILLI }]),
  );

const plain = (scalars: Scalars): Record<string, number> =>
  Object.fromEntries(Object.entries(scalars).map(([name, amount]) => [name, amount / MILLI]));

const asResources = (scalars: Scalars) =>
  mesosResources([{ resources: { scalars, ports: [], sets: {} } }]);

type RoleFacts = {
  readonly role: RoleName;
  readonly weight: number;
  readonly guarantee: Quantities;
  readonly limit: Quantities;
  readonly allocated: Scalars;
  readonly offered: Scalars;
  readonly reserved: Scalars;
  readonly frameworks: readonly string[];
};

function rolesOf(state: ClusterState): RoleFacts[] {
  const members = new Map<string, string[]>();
  for (const { framework, roles, state: frameworkState } of state.frameworks.rows()) {
    if (frameworkState === 'removed') continue;
    for (const { role } of roles) {
      members.set(role, [...(members.get(role) ?? []), mesosFrameworkId(framework)]);
    }
  }
  return knownRoles(state).map((role) => {
    const { weight, guarantee, limit } = roleSharesOf(state.roleSettings.get(role));
    const book = state.books.roles.get(role);
    return {
      ...{ role, weight: weight / MILLI, guarantee, limit },
      allocated: book?.allocated.toScalars() ?? {},
      offered: book?.offered.toScalars() ?? {},
      reserved: book?.reserved.toScalars() ?? {},
      frameworks: members.get(role) ?? [],
    };
  });
}

const hasQuota = ({ guarantee, limit }: RoleFacts): boolean =>
  Object.keys(guarantee).length + Object.keys(limit).length > 0;

/** What a limit is compared with, but for offers, which Mesos does not count here either. */
function consumedBy({ allocated, reserved }: RoleFacts): Record<string, number> {
  const sums = new Map(Object.entries(allocated));
  for (const [name, amount] of Object.entries(reserved)) {
    sums.set(name, (sums.get(name) ?? 0) + amount);
  }
  return Object.fromEntries(sums);
}

/** /roles */
export function rolesPage({ state }: Model) {
  return {
    roles: rolesOf(state).map((facts) => ({
      name: facts.role,
      weight: facts.weight,
      frameworks: facts.frameworks,
      resources: sumsOfScalars(facts.allocated),
      allocated: sumsOfScalars(facts.allocated),
      offered: sumsOfScalars(facts.offered),
      reserved: sumsOfScalars(facts.reserved),
      ...(hasQuota(facts) && {
        quota: {
          role: facts.role,
          guarantee: plain(facts.guarantee),
          limit: plain(facts.limit),
          consumed: plain(consumedBy(facts)),
        },
      }),
    })),
  };
}

/** Mesos's Response.GetRoles. */
export function rolesAnswer({ state }: Model) {
  return {
    roles: rolesOf(state).map(({ role, weight, frameworks, allocated }) => ({
      name: role,
      weight,
      frameworks: frameworks.map((value) => ({ value })),
      resources: asResources(allocated),
    })),
  };
}

/** Those that differ from the default. */
export function weights({ state }: Model): { readonly role: string; readonly weight: number }[] {
  return [...state.roleSettings.rows()]
    .filter(({ weight }) => weight !== DEFAULT_WEIGHT)
    .map(({ role, weight }) => ({ role, weight: weight / MILLI }));
}

/** Mesos's QuotaStatus. */
export function quotaStatus({ state }: Model) {
  const withQuota = rolesOf(state).filter(hasQuota);
  return {
    infos: withQuota
      .filter(({ guarantee }) => Object.keys(guarantee).length > 0)
      .map(({ role, guarantee }) => ({ role, guarantee: asResources(guarantee) })),
    configs: withQuota.map(({ role, guarantee, limit }) => ({
      role,
      guarantees: quantities(guarantee),
      limits: quantities(limit),
    })),
  };
}

/** Mesos knows agents by their hosts here; one whose record is gone is not named. */
function machinesOf({ state }: Model, { agents }: MaintenanceRecord): { hostname: string }[] {
  const names = agents.flatMap((agentId) => state.agents.get(agentId)?.hostname ?? []);
  return [...new Set(names)].map((hostname) => ({ hostname }));
}

/** Mesos's maintenance.Schedule. */
export function maintenanceSchedule(model: Model) {
  return {
    windows: [...model.state.maintenance.rows()].map((window) => ({
      machine_ids: machinesOf(model, window),
      unavailability: {
        start: { nanoseconds: nanosecondsOf(window.startWallTimeMs) },
        duration: { nanoseconds: nanosecondsOf(window.durationMs) },
      },
    })),
  };
}

const ANSWERS = { accept: 'ACCEPT', decline: 'DECLINE' } as const;

/** Mesos's maintenance.ClusterStatus. A window that is planned drains its machines there, as soon as it is known. */
export function maintenanceStatus(model: Model) {
  const windows = [...model.state.maintenance.rows()];
  const down = windows.filter(({ state }) => state === 'underWay');
  const draining = windows.filter(({ state }) => state === 'planned' || state === 'announced');
  return {
    draining_machines: draining.flatMap((window) => {
      const statuses = inverseOffersOf(model.state, window.windowId).map(
        ({ framework, answer }) => ({
          status: answer === undefined ? 'UNKNOWN' : ANSWERS[answer],
          framework_id: { value: mesosFrameworkId(framework) },
          // The books do not hold when it answered: the last time at which it may have.
          timestamp: {
            nanoseconds: nanosecondsOf(secondsOf(model, model.state.record.coreTimeMs) * 1000),
          },
        }),
      );
      return machinesOf(model, window).map((id) => ({ id, statuses }));
    }),
    down_machines: down.flatMap((window) => machinesOf(model, window)),
  };
}
