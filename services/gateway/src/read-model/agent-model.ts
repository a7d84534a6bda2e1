// Owns how an agent reads for Mesos's tools, in the v1 interface and on the pages. Only those that are registered are
// told of: Mesos tells of others by their number alone.
import { createHash } from 'node:crypto';
import type { AgentRecord } from '@parley/cluster/records';
import { MESOS_VERSION } from '../operator/mesos-version.ts';
import { mesosResources, type Sums, sumsOf } from './mesos-resources.ts';
import type { Model } from './model.ts';
import { type Part, partsOfAgent, partsOfferedOn, partsUsedOn, wholeOfAgent } from './parts.ts';

/** What our agents can do of what Mesos has names for. */
const CAPABILITIES = ['MULTI_ROLE', 'TASK_RESOURCE_LIMITS', 'AGENT_DRAINING'] as const;
/** Where a gateway for the agent alone would be, by Mesos's habit: agents have no server. */
const AGENT_PORT = 5051;

export const isRegistered = ({ state }: AgentRecord): boolean => state === 'registered';
/** Known from before the books were lost, and not back yet. */
export const isAwaited = ({ state, isRecovering }: AgentRecord): boolean =>
  state === 'unreachable' && isRecovering === true;
const isDeactivated = ({ isDeactivated: is, draining }: AgentRecord): boolean =>
  is || draining !== undefined;
export const isActive = (agent: AgentRecord): boolean =>
  isRegistered(agent) && !isDeactivated(agent);

/** The same at every gateway: what stands between the brackets of `slave(7)`. */
export function agentNumber(agentId: string): number {
  return createHash('sha256').update(agentId).digest().readUIntBE(0, 6);
}

const agentPid = ({ place }: Model, agentId: string): string =>
  `slave(${agentNumber(agentId)})@${addressOf(place)}`;

export const addressOf = ({ ip, port }: Model['place']): string =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;

const domainOf = ({ domain }: AgentRecord) =>
  domain === undefined
    ? {}
    : {
        domain: {
          fault_domain: { region: { name: domain.region }, zone: { name: domain.zone } },
        },
      };

/** Mesos's AgentInfo. */
export function agentInfo(model: Model, agent: AgentRecord) {
  return {
    hostname: agent.hostname,
    port: AGENT_PORT,
    id: { value: agent.agentId },
    resources: mesosResources(partsOfAgent(model.state, agent)),
    attributes: attributesOf(agent),
    ...domainOf(agent),
  };
}

export const attributesOf = ({ attributes }: Pick<AgentRecord, 'attributes'>) =>
  Object.entries(attributes).map(([name, value]) => ({ name, type: 'TEXT', text: { value } }));

/** Mesos's Response.GetAgents.Agent. */
export function agentAnswer(model: Model, agent: AgentRecord) {
  const { state } = model;
  return {
    agent_info: agentInfo(model, agent),
    active: isActive(agent),
    deactivated: isDeactivated(agent),
    version: MESOS_VERSION,
    pid: agentPid(model, agent.agentId),
    total_resources: mesosResources(partsOfAgent(state, agent)),
    allocated_resources: mesosResources(partsUsedOn(state, agent.agentId)),
    offered_resources: mesosResources(partsOfferedOn(state, agent.agentId)),
    capabilities: CAPABILITIES.map((type) => ({ type })),
    ...drainOf(agent),
  };
}

function drainOf({ draining, isEmptied }: AgentRecord) {
  const config = drainConfig(draining?.emptying);
  if (config === undefined) return {};
  return { drain_info: { state: isEmptied === true ? 'DRAINED' : 'DRAINING', config } };
}

/** Mesos's DrainConfig. Undefined: it is not to be emptied. */
export function drainConfig(emptying: NonNullable<AgentRecord['draining']>['emptying']) {
  if (emptying === undefined) return undefined;
  const { graceMs, marksGone } = emptying;
  const grace =
    graceMs === undefined ? {} : { max_grace_period: { nanoseconds: graceMs * 1_000_000 } };
  return { ...grace, mark_gone: marksGone };
}

/** What the pages have of an agent in short. */
export function agentSummary(model: Model, agent: AgentRecord) {
  const { state } = model;
  const total = partsOfAgent(state, agent);
  return {
    id: agent.agentId,
    hostname: agent.hostname,
    port: AGENT_PORT,
    attributes: agent.attributes,
    ...domainOf(agent),
    pid: agentPid(model, agent.agentId),
    resources: sumsOf(wholeOfAgent(agent)),
    used_resources: sumsOf(partsUsedOn(state, agent.agentId)),
    offered_resources: sumsOf(partsOfferedOn(state, agent.agentId)),
    reserved_resources: byRole(total, sumsOf),
    unreserved_resources: sumsOf(total.filter(({ reservation }) => reservation === undefined)),
    active: isActive(agent),
    deactivated: isDeactivated(agent),
    version: MESOS_VERSION,
    capabilities: CAPABILITIES,
    ...drainOf(agent),
  };
}

/** And in full. */
export function agentPage(model: Model, agent: AgentRecord) {
  const { state } = model;
  const total = partsOfAgent(state, agent);
  return {
    ...agentSummary(model, agent),
    reserved_resources_full: byRole(total, mesosResources),
    unreserved_resources_full: mesosResources(
      total.filter(({ reservation }) => reservation === undefined),
    ),
    used_resources_full: mesosResources(partsUsedOn(state, agent.agentId)),
    offered_resources_full: mesosResources(partsOfferedOn(state, agent.agentId)),
  };
}

function byRole<Shown extends Sums | object[]>(
  parts: readonly Part[],
  show: (parts: readonly Part[]) => Shown,
): Record<string, Shown> {
  const roles = new Map<string, Part[]>();
  for (const part of parts) {
    if (part.reservation === undefined) continue;
    const { role } = part.reservation;
    roles.set(role, [...(roles.get(role) ?? []), part]);
  }
  return Object.fromEntries([...roles].map(([role, own]) => [role, show(own)]));
}
