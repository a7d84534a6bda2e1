// Owns what the changing calls of Mesos's operator interface are to the leader. Pure: it reads the books and asks nobody.
import type { ClusterState } from '@parley/cluster/cluster-state';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { RoleName } from '@parley/protocol/ids';
import type { OperatorSharingRequest, SharingChange } from '@parley/protocol/operators';
import { MILLI } from '@parley/protocol/resources';
import { Weight } from '@parley/protocol/sharing';
import * as z from 'zod';
import {
  AgentIdField,
  DurationField,
  FrameworkIdField,
  MachineField,
  QuantitiesField,
  ResourceField,
  readField,
  ScheduleField,
} from './call-shapes.ts';
import type { LeaderCall } from './leader-calls.ts';
import { machineCalls, scheduleCalls } from './maintenance-changes.ts';
import {
  createVolumeCalls,
  destroyVolumeCalls,
  reserveCalls,
  unreserveCalls,
} from './reservation-changes.ts';

type Change = (state: ClusterState, body: unknown, name: string) => Outcome<LeaderCall[]>;

/** A change whose body has this shape. */
const shaped =
  <Schema extends z.ZodType>(
    schema: Schema,
    callsOf: (state: ClusterState, body: z.infer<Schema>) => Outcome<LeaderCall[]>,
  ): Change =>
  (state, body, name) => {
    const read = readField(schema, body, name);
    return read.ok ? callsOf(state, read.value) : read;
  };

const OfAgent = z.object({ agent_id: AgentIdField });
const Drain = OfAgent.extend({
  max_grace_period: DurationField.optional(),
  mark_gone: z.boolean().default(false),
});
const OnAgent = OfAgent.extend({ resources: z.array(ResourceField) });
const VolumesOnAgent = OfAgent.extend({ volumes: z.array(ResourceField) });
const Weights = z.object({
  weight_infos: z
    .array(
      z.object({
        role: RoleName,
        weight: z
          .union([z.number(), z.string()])
          .transform((value) => Math.round(Number(value) * MILLI))
          .pipe(Weight),
      }),
    )
    .min(1),
});
const QuotaConfigs = z.object({
  force: z.boolean().default(false),
  quota_configs: z
    .array(
      z.object({
        role: RoleName,
        guarantees: QuantitiesField.default({}),
        limits: QuantitiesField.default({}),
      }),
    )
    .min(1),
});
const QuotaRequest = z.object({
  quota_request: z.object({
    force: z.boolean().default(false),
    role: RoleName,
    guarantee: z.array(ResourceField).default([]),
  }),
});
const Machines = z.object({ machines: z.array(MachineField) });

const CHANGES: Readonly<Record<string, Change>> = {
  TEARDOWN: shaped(z.object({ framework_id: FrameworkIdField }), (_state, { framework_id }) =>
    succeed([{ verb: 'teardown', body: { framework: framework_id } }]),
  ),
  MARK_AGENT_GONE: shaped(OfAgent, (_state, { agent_id: agentId }) =>
    succeed([{ verb: 'agent', body: { agentId, change: 'gone' } }]),
  ),
  DEACTIVATE_AGENT: shaped(OfAgent, (_state, { agent_id: agentId }) =>
    succeed([{ verb: 'agent', body: { agentId, change: 'deactivate' } }]),
  ),
  REACTIVATE_AGENT: shaped(OfAgent, (_state, { agent_id: agentId }) =>
    succeed([{ verb: 'agent', body: { agentId, change: 'reactivate' } }]),
  ),
  DRAIN_AGENT: shaped(Drain, (_state, body) => {
    const { agent_id: agentId, max_grace_period: graceMs, mark_gone: marksGone } = body;
    const emptying = { marksGone, ...(graceMs !== undefined && { graceMs }) };
    const reason = 'asked for over HTTP';
    return succeed([{ verb: 'agent', body: { agentId, change: 'drain', reason, emptying } }]);
  }),
  RESERVE_RESOURCES: shaped(OnAgent, (_state, { agent_id: agentId, resources }) =>
    reserveCalls({ agentId, resources }),
  ),
  UNRESERVE_RESOURCES: shaped(OnAgent, (_state, { agent_id: agentId, resources }) =>
    unreserveCalls({ agentId, resources }),
  ),
  CREATE_VOLUMES: shaped(VolumesOnAgent, (_state, { agent_id: agentId, volumes }) =>
    createVolumeCalls({ agentId, resources: volumes }),
  ),
  DESTROY_VOLUMES: shaped(VolumesOnAgent, (_state, { agent_id: agentId, volumes }) =>
    destroyVolumeCalls({ agentId, resources: volumes }),
  ),
  UPDATE_WEIGHTS: shaped(Weights, (_state, { weight_infos }) =>
    sharing(weight_infos.map(({ role, weight }) => ({ kind: 'role', role, weight }))),
  ),
  UPDATE_QUOTA: shaped(QuotaConfigs, (_state, { force, quota_configs }) =>
    sharing(
      quota_configs.map(({ role, guarantees, limits }) => ({
        kind: 'role',
        role,
        guarantee: orNothing(guarantees),
        limit: orNothing(limits),
      })),
      force,
    ),
  ),
  SET_QUOTA: shaped(QuotaRequest, (_state, { quota_request: { role, guarantee, force } }) => {
    const amounts = new Map<string, number>();
    for (const { name, scalar } of guarantee) {
      if (scalar === undefined) return fail('malformed', `Quota is of scalars only: '${name}'`);
      amounts.set(name, (amounts.get(name) ?? 0) + scalar.value);
    }
    const quantities = readField(QuantitiesField, plainly(amounts), 'quota_request.guarantee');
    if (!quantities.ok) return quantities;
    const value = orNothing(quantities.value);
    return sharing([{ kind: 'role', role, guarantee: value, limit: value }], force);
  }),
  REMOVE_QUOTA: shaped(z.object({ role: RoleName }), (_state, { role }) =>
    sharing([{ kind: 'role', role, guarantee: null, limit: null }]),
  ),
  UPDATE_MAINTENANCE_SCHEDULE: shaped(z.object({ schedule: ScheduleField }), (state, body) =>
    scheduleCalls(state, body.schedule),
  ),
  START_MAINTENANCE: shaped(Machines, (state, { machines }) =>
    machineCalls(state, 'start', machines),
  ),
  STOP_MAINTENANCE: shaped(Machines, (state, { machines }) =>
    machineCalls(state, 'stop', machines),
  ),
};

const sharing = (
  changes: SharingChange[],
  force: OperatorSharingRequest['force'] = false,
): Outcome<LeaderCall[]> => succeed([{ verb: 'sharing', body: { changes, force } }]);

const orNothing = (amounts: Record<string, number>): Record<string, number> | null =>
  Object.keys(amounts).length === 0 ? null : amounts;

const plainly = (milli: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...milli].map(([name, amount]) => [name, amount / MILLI]));

/** These are answered 202 once they are done. */
export const ACCEPTED: ReadonlySet<string> = new Set([
  'RESERVE_RESOURCES',
  'UNRESERVE_RESOURCES',
  'CREATE_VOLUMES',
  'DESTROY_VOLUMES',
]);

export const isChange = (type: string): boolean => Object.hasOwn(CHANGES, type);

/** Fails with `malformed`, `invalidOperation`, or with `unknownVerb` where it is no changing call. */
export function changesOf(
  state: ClusterState,
  type: string,
  call: Readonly<Record<string, unknown>>,
): Outcome<LeaderCall[]> {
  const change = isChange(type) ? CHANGES[type] : undefined;
  if (change === undefined) return fail('unknownVerb', `There is no change '${type}'`);
  const name = type.toLowerCase();
  return change(state, call[name], name);
}
