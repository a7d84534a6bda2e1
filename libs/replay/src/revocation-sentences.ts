// Owns how the events of a revocation read: for whom a task's resources are taken back, and how far that has come.
import type { ClusterEvent } from '@parley/cluster/events';
import { frameworkKey, taskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import { formatResources } from '@parley/resources/format';
import { frameworkOf, type Sentence, seconds } from './sentence.ts';

export type RevocationEvent = Extract<ClusterEvent, { type: `revocation${string}` }>;

const REASONS = {
  belowGuarantee: 'its guarantee is not met',
  starved: 'it has waited for its fair share for too long',
  oversubscribed: 'the agent needs back what it had lent',
} as const;

export function describeRevocation(event: RevocationEvent): Sentence {
  const { task, agentId } = event;
  return {
    text: `task ${taskKey(task)} on agent ${agentId} ${words(event)}`,
    agents: [agentId],
    frameworks: [frameworkOf(task)],
    tasks: [task],
  };
}

function words(event: RevocationEvent): string {
  switch (event.type) {
    case 'revocationBegun': {
      const { beneficiary, reason, resources } = event;
      const whom = `${frameworkKey(beneficiary.framework)} in role ${beneficiary.role}`;
      return `is to give back ${formatResources(resources)} for ${whom}: ${REASONS[reason]}`;
    }
    case 'revocationRefused':
      return `is not taken back, though the allocator asked for it: ${event.why}`;
    case 'revocationAsked':
      return `is asked to stop within ${seconds(event.graceMs)}`;
    case 'revocationAnswered':
      return event.answer.kind === 'stopping'
        ? `answers that it is stopping; it has ${seconds(event.leftMs)} left`
        : `asks for ${seconds(event.answer.needMs)} more; it has ${seconds(event.leftMs)} left`;
    case 'revocationKilled':
      return `is killed: it ${event.wasSilent ? 'did not answer' : 'did not end'} in time`;
    case 'revocationEnforced':
      return `did not end, so its executor ${event.executorId} is shut down`;
    case 'revocationCalledOff':
      return `may stay after all: ${event.why}`;
    case 'revocationOver':
      return `has given back what was asked for, ${seconds(event.tookMs)} after that began`;
    default:
      return unreachable(event);
  }
}
