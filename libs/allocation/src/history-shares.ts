// Owns the judgement of what one agent is divided into, for histories in which needs are stated: the slow reference is
// asked task by task who is next, and what was proposed must be what comes of that, whichever of equals is taken first.
import type { OpenNeed, Proposal } from '@parley/protocol/allocation';
import { frameworkKey } from '@parley/protocol/ids';
import { assert } from '@parley/protocol/unreachable';
import { add, isEmpty, subtract } from '@parley/resources/resources';
import {
  fairReceivers,
  mostFor,
  type ReferenceAgent,
  type ReferenceClient,
  type ReferenceTaking,
  type ReferenceWorld,
} from './reference-allocator.ts';

/** What is still to be given of a proposal: so many tasks by shape, or all of it at once. */
type Rest = { readonly key: string; readonly left: ReadonlyMap<string, number> | 'all' };
type Moment = {
  readonly agent: ReferenceAgent;
  readonly world: ReferenceWorld;
  readonly rest: readonly Rest[];
};

/** `proposals`: all of one decision about the agent, nothing of them decided yet. */
export function checkDivision(
  proposals: readonly Proposal[],
  agent: ReferenceAgent,
  world: ReferenceWorld,
): void {
  const rest = proposals.map(({ framework, role, promised }): Rest => {
    const left = new Map(promised.map(({ shape, count }) => [shape, count]));
    return { key: `${frameworkKey(framework)} ${role}`, left: left.size === 0 ? 'all' : left };
  });
  assert(
    isDivided({ agent, world, rest }),
    `${agent.agentId} is divided task by task among those who are next`,
  );
}

/** Of equals any may be first: all ways are tried. */
function isDivided(moment: Moment): boolean {
  if (moment.rest.length === 0) return true;
  return fairReceivers(moment.agent, moment.world).some((receiver) => {
    const next = afterOneTask(moment, receiver);
    return next !== undefined && isDivided(next);
  });
}

/** Undefined: what it would be given next was not proposed. */
function afterOneTask(
  { agent, world, rest }: Moment,
  receiver: ReferenceClient,
): Moment | undefined {
  const one = rest.find(({ key }) => key === keyOf(receiver));
  if (one === undefined) return undefined;
  const others = rest.filter((other) => other !== one);
  const need = receiver.needs?.find((each) => takenFor([each], { receiver, agent, world }));
  const taking = takenFor(need && [{ ...need, count: 1 }], { receiver, agent, world });
  if (taking === undefined || (need === undefined) !== (one.left === 'all')) return undefined;
  const left = need === undefined ? undefined : withoutOne(one.left, need.shape);
  if (need !== undefined && left === undefined) return undefined;
  return {
    ...given({ agent, world }, { receiver, taking, need }),
    rest: left === undefined || left.size === 0 ? others : [...others, { ...one, left }],
  };
}

function takenFor(
  needs: readonly OpenNeed[] | undefined,
  {
    receiver,
    agent,
    world,
  }: {
    readonly receiver: ReferenceClient;
    readonly agent: ReferenceAgent;
    readonly world: ReferenceWorld;
  },
): ReferenceTaking | undefined {
  const taking = mostFor({ ...receiver, needs }, agent, world);
  return taking !== undefined && isEmpty(taking.unreserved) ? undefined : taking;
}

function withoutOne(left: Rest['left'], shape: string): Map<string, number> | undefined {
  const count = left === 'all' ? 0 : (left.get(shape) ?? 0);
  if (left === 'all' || count === 0) return undefined;
  const rest = new Map(left);
  if (count === 1) rest.delete(shape);
  else rest.set(shape, count - 1);
  return rest;
}

function given(
  { agent, world }: Pick<Moment, 'agent' | 'world'>,
  {
    receiver,
    taking: { unreserved: taken },
    need,
  }: {
    readonly receiver: ReferenceClient;
    readonly taking: ReferenceTaking;
    readonly need: OpenNeed | undefined;
  },
): Pick<Moment, 'agent' | 'world'> {
  const clients = world.clients.map((client) => {
    if (keyOf(client) !== keyOf(receiver)) return client;
    const needs = client.needs?.map((each) =>
      each.shape === need?.shape ? { ...each, count: each.count - 1 } : each,
    );
    return { ...client, needs, used: add(client.used, taken) };
  });
  return {
    agent: { ...agent, unreserved: subtract(agent.unreserved, taken) },
    world: { ...world, clients, available: subtract(world.available, taken) },
  };
}

const keyOf = ({ key, role }: ReferenceClient): string => `${key} ${role}`;
