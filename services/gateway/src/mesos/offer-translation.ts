// Owns how offers and inverse offers are told to a Mesos framework, in the form that its capabilities ask for. Pure.
import type { FrameworkEvent } from '@parley/protocol/frameworks';
import type { Offer } from '@parley/protocol/offers';
import { foreignIdOf } from './foreign-id.ts';
import type { Capabilities } from './framework-translation.ts';
import { nanosecondsOf } from './mesos-values.ts';
import { mesosResourcesOf, plainResources, type ResourceForm } from './resource-translation.ts';

/** Where an agent is reached, for frameworks that tell their tasks; agents have no HTTP server of their own. */
const AGENT_PORT = 5051;

export type Host = { readonly hostname: string; readonly address: string | undefined };
export type Period = { readonly startMs: number; readonly durationMs: number };

export type OfferPlace = {
  readonly mesosFrameworkId: string;
  readonly capabilities: Capabilities;
};

const formOf = (capabilities: Capabilities, role: string | undefined): ResourceForm => ({
  isRefined: capabilities.reservationRefinement,
  allocationRole: capabilities.multiRole ? role : undefined,
});

export function mesosOffer(
  offer: Offer,
  { mesosFrameworkId, capabilities }: OfferPlace,
  { host, unavailability }: { readonly host: Host; readonly unavailability: Period | undefined },
): object {
  const { offerId, agentId, domain, attributes, executors, role } = offer;
  return {
    id: { value: offerId },
    framework_id: { value: mesosFrameworkId },
    agent_id: { value: agentId },
    hostname: host.hostname,
    url: urlOf(host, agentId),
    ...(domain !== undefined && {
      domain: {
        fault_domain: { region: { name: domain.region }, zone: { name: domain.zone } },
      },
    }),
    resources: mesosResourcesOf(offer, formOf(capabilities, role)),
    attributes: Object.entries(attributes).map(([name, value]) => attributeOf(name, value)),
    executor_ids: executors.map((id) => ({ value: foreignIdOf(id) })),
    ...(unavailability !== undefined && { unavailability: periodOf(unavailability) }),
    ...(capabilities.multiRole && { allocation_info: { role } }),
  };
}

/** The path is Mesos's name for an agent's process; our agents have no server, gateways answer for them. */
const urlOf = ({ hostname, address }: Host, agentId: string) => ({
  scheme: 'http',
  address: { hostname, ...(address !== undefined && { ip: address }), port: AGENT_PORT },
  path: `/agents/${agentId}`,
});

/** Ours are texts; one that is written as a number is a scalar, as Mesos's agents read their flag. */
function attributeOf(name: string, value: string): object {
  return /^-?\d+(\.\d+)?$/.test(value)
    ? { name, type: 'SCALAR', scalar: { value: Number(value) } }
    : { name, type: 'TEXT', text: { value } };
}

const periodOf = ({ startMs, durationMs }: Period) => ({
  start: { nanoseconds: nanosecondsOf(startMs) },
  duration: { nanoseconds: nanosecondsOf(durationMs) },
});

type AgentsAsked = Extract<FrameworkEvent, { kind: 'agentInverseOffer' }>;
type TaskAsked = Extract<FrameworkEvent, { kind: 'inverseOffer' }>;

/** One a window and agent: no id of ours holds a dot. */
export const agentInverseOfferId = (windowId: string, agentId: string): string =>
  `${windowId}.${agentId}`;

/** Undefined: it is no id of an inverse offer for agents. */
export function windowOf(inverseOfferId: string): string | undefined {
  const [windowId, agentId, ...more] = inverseOfferId.split('.');
  return agentId === undefined || agentId === '' || more.length > 0 ? undefined : windowId;
}

export const taskInverseOfferId = (taskId: string): string => `task..${taskId}`;

export function agentInverseOffers(
  { windowId, agents, startWallTimeMs, durationMs }: AgentsAsked,
  { mesosFrameworkId }: OfferPlace,
  hostOf: (agentId: string) => Host,
): object[] {
  return agents.map((agentId) => ({
    id: { value: agentInverseOfferId(windowId, agentId) },
    url: urlOf(hostOf(agentId), agentId),
    framework_id: { value: mesosFrameworkId },
    agent_id: { value: agentId },
    unavailability: periodOf({ startMs: startWallTimeMs, durationMs }),
    resources: [],
  }));
}

/** A task's resources that somebody else needs: they are asked for from now on, and taken when the grace is over. */
export function taskInverseOffer(
  { taskId, agentId, resources, wallTimeMs, graceMs }: TaskAsked,
  { mesosFrameworkId, capabilities }: OfferPlace,
  hostOf: (agentId: string) => Host,
): object {
  return {
    id: { value: taskInverseOfferId(taskId) },
    url: urlOf(hostOf(agentId), agentId),
    framework_id: { value: mesosFrameworkId },
    agent_id: { value: agentId },
    unavailability: { start: { nanoseconds: nanosecondsOf(wallTimeMs + graceMs) } },
    resources: plainResources(resources, formOf(capabilities, undefined)),
  };
}
