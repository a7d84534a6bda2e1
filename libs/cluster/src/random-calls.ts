// Owns random calls about offers for property tests: what a framework, or an operator, may ask of a state as it is, and
// now and then what makes no sense in it. Other inputs are in random-inputs.ts.
import type { FrameworkRef } from '@parley/protocol/ids';
import { frameworkKey, OfferId } from '@parley/protocol/ids';
import type { ResourcesInput } from '@parley/protocol/resources';
import type { ClusterState } from './cluster-state.ts';
import type { AgentRecord, OfferRecord } from './records.ts';
import { isRoleOrAbove } from './roles.ts';
import { aTask } from './scripted-cluster.ts';

export const ROLES = ['eng', 'eng/ads', 'web'] as const;
const RESERVATIONS = ['x', 'y'] as const;
const VOLUMES = ['v', 'w'] as const;

/** `roll(n)`: a number below n, one after another out of a seed. */
export type Dice = (below: number) => number;

export function diceOf(...numbers: readonly number[]): Dice {
  let seed = numbers.reduce((sum, number) => (Math.imul(sum, 101) + number) >>> 0, 17);
  return (below) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
}

const pick = <T>(items: readonly T[], roll: Dice): T | undefined =>
  items[roll(Math.max(1, items.length))];
const oneOf = <T>(items: readonly [T, ...T[]], roll: Dice): T => pick(items, roll) ?? items[0];

/** CPUs, memory and disk alike, so that volumes can be made of any reservation. */
export const units = (count: number, names = ['cpus', 'mem', 'disk']) => ({
  scalars: Object.fromEntries(names.map((name) => [name, count * 1000])),
});

function randomDemand(roll: Dice, roles: readonly string[]): unknown {
  const kind = roll(8);
  if (kind < 5) return undefined;
  if (kind === 5 && roll(3) === 0) return [];
  return Array.from({ length: 1 + roll(2) }, () => ({
    role: roll(9) === 0 ? 'other' : pick(roles, roll),
    count: roll(4),
    resources: units(1 + roll(2)),
    constraints: roll(3) === 0 ? [{ name: 'zone', operator: 'exists' }] : [],
    ...(roll(4) === 0 && { revocable: oneOf(['also', 'only'], roll) }),
  }));
}

export function randomSubscribe(roll: Dice): unknown {
  const roles = ROLES.filter(() => roll(3) > 0);
  if (roles.length === 0) roles.push(ROLES[0]);
  const demand = randomDemand(roll, roles);
  return {
    verb: 'subscribe',
    body: {
      name: 'n',
      roles,
      suppressed: roles.filter(() => roll(12) === 0),
      failoverTimeoutMs: roll(100) * 100_000,
      ...(roll(3) === 0 && { offerTimeoutMs: 500 + roll(4000) }),
      ...(roll(3) > 0 && { takesRevocable: true }),
      ...(demand !== undefined && { demand }),
    },
  };
}

export function randomProposal(
  state: ClusterState,
  { number, framework, roll }: { number: number; framework: FrameworkRef; roll: Dice },
): unknown {
  const record = state.frameworks.get(frameworkKey(framework));
  const own = record?.roles.map(({ role }) => role) ?? [];
  const role = (roll(12) === 0 ? undefined : pick(own, roll)) ?? oneOf(ROLES, roll);
  const agent = pick([...state.agents.rows()], roll);
  const needs = record?.demand?.filter((need) => need.role === role) ?? [];
  const need = pick(needs, roll);
  const promised = need === undefined ? [] : [{ shape: need.shape, count: 1 + roll(2) }];
  return {
    number,
    framework,
    role,
    agentId: agent?.agentId ?? 'a1',
    resources: roll(5) === 0 ? {} : wantedOf(state, agent, roll),
    ...((record?.takesRevocable === true || roll(20) === 0) && {
      revocable: lentOf(state, agent, roll),
    }),
    reservations: agent === undefined || roll(4) === 0 ? [] : freeParts(state, agent, role),
    promised: roll(15) === 0 ? [] : promised,
  };
}

/** Of what is revocable: likewise. */
function lentOf(state: ClusterState, agent: AgentRecord | undefined, roll: Dice): ResourcesInput {
  return agent !== undefined && roll(6) > 0
    ? state.books.freeRevocable(agent)
    : units(roll(4) === 0 ? 0 : 1 + roll(2));
}

/** All that is free, or some of it, or what may not be free. */
function wantedOf(state: ClusterState, agent: AgentRecord | undefined, roll: Dice): ResourcesInput {
  if (agent !== undefined && roll(3) === 0) return state.books.free(agent);
  const first = 1000 + roll(5);
  return { ...units(1 + roll(3)), ...(roll(4) === 0 && { ports: [[first, first + 4]] }) };
}

function freeParts(state: ClusterState, agent: AgentRecord, role: string): unknown[] {
  return [...state.reservations.rows()]
    .filter((record) => record.agentId === agent.agentId)
    .filter((record) => isRoleOrAbove(record.role, role as typeof record.role))
    .map((record) => ({
      reservationId: record.reservationId,
      role: record.role,
      resources: state.books.freeOfReservation(record),
    }));
}

export function randomAccept(
  state: ClusterState,
  {
    framework,
    roll,
    launch,
  }: { framework: FrameworkRef; roll: Dice; launch: (roll: Dice) => object },
): unknown {
  const own = offersOfFramework(state, framework);
  const first = pick(own, roll);
  const isOfSeveral = roll(3) === 0;
  const named = own.filter(
    (offer) =>
      (offer.role === first?.role || roll(12) === 0) &&
      (isOfSeveral || offer.agentId === first?.agentId),
  );
  const offerIds: string[] = named.map(({ offerId }) => offerId);
  if (offerIds.length === 0 || roll(8) === 0) offerIds.push(OfferId.parse(`o0-${roll(3)}`));
  if (roll(40) === 0) offerIds.push(...offerIds);
  const operations = Array.from({ length: roll(4) }, () =>
    randomOperations(state, { offers: named, roll, launch }),
  ).flat();
  const filter = { refuseMs: roll(2) * 5000 };
  return {
    verb: 'accept',
    body: { offerIds, operations, filter, atomic: roll(4) === 0 },
  };
}

const offersOfFramework = (state: ClusterState, framework: FrameworkRef): OfferRecord[] =>
  [...state.offers.rows()].filter(
    (offer) => frameworkKey(offer.framework) === frameworkKey(framework),
  );

/** One operation, or several of which the later ones use what the first one makes. */
function randomOperations(
  state: ClusterState,
  {
    offers,
    roll,
    launch,
  }: { offers: readonly OfferRecord[]; roll: Dice; launch: (roll: Dice) => object },
): unknown[] {
  const offer = pick(offers, roll);
  const isOfSeveral = new Set(offers.map(({ agentId }) => agentId)).size > 1;
  const names = isOfSeveral ? roll(8) > 0 : roll(4) === 0;
  const agentId = names && offer !== undefined ? { agentId: offer.agentId } : {};
  switch (roll(6)) {
    case 0:
    case 1:
      return [
        {
          ...randomChange(state, { agentId: offer?.agentId, role: offer?.role, roll }),
          ...agentId,
        },
      ];
    case 2:
      return [{ ...launch(roll), ...agentId }];
    case 3:
      return randomPipeline(roll).map((operation) => ({ ...operation, ...agentId }));
    default: {
      const tasks = Array.from({ length: 1 + roll(2) }, () => randomTask(offer, roll));
      return [{ kind: 'launch', tasks, ...agentId }];
    }
  }
}

/** Reserve, make a volume of it, and launch a task on both. */
function randomPipeline(roll: Dice): object[] {
  const reservationId = oneOf(RESERVATIONS, roll);
  const volumeId = oneOf(VOLUMES, roll);
  const task = {
    ...aTask(`t${roll(30)}`, { scalars: { cpus: 1000 } }),
    reservationId,
    volumes: [{ volumeId, path: 'data' }],
  };
  const all = [
    { kind: 'reserve', reservationId, resources: units(2) },
    { kind: 'createVolume', reservationId, volumeId, mib: 1 },
    { kind: 'launch', tasks: [task] },
  ];
  return all.slice(0, 2 + roll(2));
}

/** Now and then with what the offer holds of a reservation, or out of what is revocable in it. */
function randomTask(offer: OfferRecord | undefined, roll: Dice): unknown {
  const task = aTask(`t${roll(30)}`, roll(15) === 0 ? {} : units(1 + roll(2)));
  if (offer?.revocable === undefined ? roll(30) === 0 : roll(2) === 0) {
    return { ...task, revocable: true, ...(roll(20) === 0 && { reservationId: 'x' }) };
  }
  const part = pick(offer?.reserved ?? [], roll);
  const volumeId = pick(part?.volumes ?? [], roll) ?? oneOf(VOLUMES, roll);
  const isUsed = (part?.volumes.length ?? 0) > 0 ? roll(2) === 0 : roll(9) === 0;
  const reservationId = part?.reservationId ?? oneOf(RESERVATIONS, roll);
  return {
    ...task,
    volumes: isUsed ? [{ volumeId, path: 'data' }] : [],
    ...((part === undefined ? roll(9) === 0 : roll(4) > 0) && { reservationId }),
  };
}

/** An operation that is no launch: mostly about what there is on the agent. */
export function randomChange(
  state: ClusterState,
  { agentId, role, roll }: { agentId: string | undefined; role: string | undefined; roll: Dice },
): { readonly kind: string } & Record<string, unknown> {
  const records = [...state.reservations.rows()].filter(
    (one) => one.agentId === agentId && one.role === role,
  );
  const record = roll(6) === 0 ? undefined : pick(records, roll);
  const reservationId = record?.reservationId ?? oneOf(RESERVATIONS, roll);
  const volumeId = pick(record?.volumes ?? [], roll)?.volumeId ?? oneOf(VOLUMES, roll);
  const isFirst = record === undefined && roll(6) > 0;
  const kind = isFirst ? 0 : 2 + roll(7);
  if (kind < 3) return { kind: 'reserve', reservationId, resources: units(2 + roll(2)) };
  if (kind === 3) {
    return {
      kind: 'unreserve',
      reservationId,
      ...(roll(2) === 0 && { resources: units(1) }),
    };
  }
  if (kind < 7) {
    const fresh = roll(4) === 0 ? volumeId : oneOf(VOLUMES, roll);
    return { kind: 'createVolume', reservationId, volumeId: fresh, mib: 1 };
  }
  return { kind: 'destroyVolume', volumeId };
}

export function randomDecline(
  state: ClusterState,
  { framework, roll }: { framework: FrameworkRef; roll: Dice },
): unknown {
  const offer = pick(offersOfFramework(state, framework), roll);
  const offerIds = [offer?.offerId ?? OfferId.parse('o0-0')];
  const reasons = [undefined, 'noWork', 'tooSmall'] as const;
  const reason = oneOf(reasons, roll);
  return {
    verb: 'decline',
    body: {
      offerIds,
      filter: { refuseMs: roll(3) * 1000 },
      ...(reason !== undefined && { reason }),
    },
  };
}

/** What operators set for roles, those above them, and frameworks: little, so that limits are met. */
export function randomSharing(frameworks: readonly FrameworkRef[], roll: Dice): unknown {
  const amounts = (below: number): unknown =>
    roll(4) === 0 ? null : units(roll(below), roll(3) === 0 ? ['cpus'] : undefined).scalars;
  const changes = Array.from({ length: 1 + roll(3) }, () => ({
    ...(roll(4) === 0
      ? { kind: 'framework', framework: pick(frameworks, roll) }
      : {
          kind: 'role',
          role: roll(20) === 0 ? 'other' : oneOf(ROLES, roll),
          ...(roll(5) === 0 && { placement: oneOf([null, 'spread', 'bestFit'], roll) }),
          ...(roll(5) === 0 && { minAllocatable: amounts(2) }),
        }),
    weight: roll(4) === 0 ? null : 1000 * (1 + roll(4)),
    ...(roll(2) === 0 && { limit: amounts(14) }),
    ...(roll(3) === 0 && { guarantee: amounts(8) }),
  }));
  return { verb: 'operatorSharing', body: { changes, force: roll(3) === 0 } };
}

/** What a framework changes about itself. */
export function randomRoleCall(roll: Dice): unknown {
  const roles = roll(3) === 0 ? [] : [oneOf(ROLES, roll)];
  switch (roll(4)) {
    case 0:
      return { verb: 'suppress', body: { roles } };
    case 1:
      return { verb: 'revive', body: { roles } };
    case 2: {
      const demand = randomDemand(roll, ROLES);
      return { verb: 'demand', body: demand === undefined ? {} : { demand } };
    }
    default: {
      const kept = ROLES.filter(() => roll(2) === 0);
      const body = kept.length === 0 ? { name: 'm' } : { roles: kept, offerTimeoutMs: 5000 };
      return { verb: 'updateFramework', body };
    }
  }
}
