// Owns how the inputs that are no calls read, each part of a batch by itself.
import type { Input, Order } from '@parley/cluster/inputs';
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import { formatResources } from '@parley/resources/format';
import { aboutOf, whatOf } from './order-sentences.ts';
import { counted, frameworkOf, frameworkWords, inWords, type Sentence } from './sentence.ts';

type Other = Exclude<Input, { kind: 'call' }>;
/** A sentence with what it is about, as journalled. */
export type Told = Sentence & { readonly detail: unknown };

/** `order`: the one that is answered, where it is still known. */
export function describeInput(input: Other, order: Order | undefined): Told[] {
  switch (input.kind) {
    case 'updates':
      return describeUpdates(input);
    case 'proposals':
      return input.proposals.map((proposal) => ({
        text: `the allocator proposes to offer agent ${proposal.agentId} to ${frameworkWords(proposal.framework)} in role ${proposal.role}`,
        agents: [proposal.agentId],
        frameworks: [proposal.framework],
        detail: proposal,
      }));
    case 'revocations':
      return input.revocations.map((revocation) => ({
        text: `the allocator proposes to take back task ${taskKey(revocation.task)} on agent ${revocation.agentId} for ${frameworkKey(revocation.beneficiary.framework)}: ${inWords(revocation.reason)}`,
        agents: [revocation.agentId],
        frameworks: [frameworkOf(revocation.task), revocation.beneficiary.framework],
        tasks: [revocation.task],
        detail: revocation,
      }));
    case 'orderAnswered':
      return [{ ...describeOrderAnswer(input, order), detail: input }];
    default:
      return [{ ...describeVerdict(input), detail: input }];
  }
}

function describeUpdates(input: Extract<Input, { kind: 'updates' }>): Told[] {
  if (input.updates.length === 0) {
    const text = `the update stream of ${input.principal} was read up to ${input.readUpTo}`;
    return [{ text, detail: input }];
  }
  return input.updates.map(({ update }) => ({
    text: `${sourceOf(update)} reports task ${taskKey(update.task)} ${update.state} (update ${update.sequence})`,
    agents: [update.agentId],
    frameworks: [frameworkOf(update.task)],
    tasks: [update.task],
    detail: update,
  }));
}

const sourceOf = ({ source, agentId }: StatusUpdate): string =>
  source === 'agent' ? `agent ${agentId}` : 'the leader';

function describeOrderAnswer(
  { agentId, orderId, failure }: Extract<Input, { kind: 'orderAnswered' }>,
  order: Order | undefined,
): Sentence {
  const what = order === undefined ? `order ${orderId}` : `the order to ${whatOf(order)}`;
  const how =
    failure === undefined
      ? `has taken ${what}`
      : `refuses ${what}: ${failure.message} (${failure.code})`;
  return {
    text: `agent ${agentId} ${how}`,
    agents: [agentId],
    ...(order !== undefined && aboutOf(order)),
  };
}

function describeVerdict(
  input: Exclude<Other, { kind: 'updates' | 'proposals' | 'revocations' | 'orderAnswered' }>,
): Sentence {
  switch (input.kind) {
    case 'termStarted':
      return {
        text:
          input.rebuilding === undefined
            ? `${input.masterId} begins its term as leader`
            : `${input.masterId} begins its term as leader and makes the books anew: ${input.rebuilding.message}`,
      };
    case 'settingsRestored':
      return {
        text: `puts back what was kept beside the books: ${counted(input.items.length, 'record')}${input.isLast ? ', the last' : ''}`,
      };
    case 'frameworkSilent':
      return {
        text: `verdict of the leader: ${frameworkWords(input.framework)} has been silent for too long (session ${input.session})`,
        frameworks: [input.framework],
      };
    case 'agentSilent':
      return {
        text: `verdict of the leader: agent ${input.agentId} has been silent for too long`,
        agents: [input.agentId],
      };
    case 'agentOversubscribed':
      return {
        text: `agent ${input.agentId} says that ${formatResources(input.revocable)} is not used`,
        agents: [input.agentId],
      };
    case 'frameworkConfirmed':
      return {
        text: `${frameworkWords(input.framework)} has seen its messages up to ${input.number}`,
        frameworks: [input.framework],
      };
    case 'tick':
      return { text: 'time passes: something is due' };
    default:
      return unreachable(input);
  }
}
