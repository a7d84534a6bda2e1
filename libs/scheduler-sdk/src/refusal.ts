// Owns what a refused call leads to. Pure: which of the few ways on, and the updates that a failed accept
// stands for. Retryable failures never come here: the same request is simply sent again.
import type { Failure } from '@parley/protocol/errors';
import type { FrameworkRef } from '@parley/protocol/ids';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type { LaunchedTask } from './accept-order.ts';
import type { SchedulerRequest } from './session-vocabulary.ts';

export type Reaction =
  | 'stop'
  /** The framework is gone, as the caller asked. */
  | 'tornDown'
  /** The leader knows no session of ours. */
  | 'subscribeAgain'
  /** It was made under an earlier session of this process. */
  | 'sessionOver'
  | 'refused';

/** `current`: every try of the call was made under the session that is in force now. */
export function reactionTo(call: SchedulerRequest, failure: Failure, current: boolean): Reaction {
  if (call.name === 'subscribe') return 'stop';
  switch (failure.code) {
    case 'frameworkRemoved':
      return call.name === 'teardown' ? 'tornDown' : 'stop';
    case 'sessionReplaced':
      return current ? 'stop' : 'sessionOver';
    case 'notSubscribed':
      return current ? 'subscribeAgain' : 'sessionOver';
    default:
      return 'refused';
  }
}

/**
 * The leader has looked at the accept and took its offers back with the answer: they never come again, also where an
 * older answer still lists them. Any other failure leaves them as they were.
 */
export const tookOffersBack = ({ code }: Failure): boolean =>
  code === 'invalidOffers' || code === 'invalidOperation';

/** A failed accept launched nothing: each of its tasks ends as dropped, as if the leader had written it. */
export function droppedUpdates(
  framework: FrameworkRef,
  tasks: readonly LaunchedTask[],
  failure: Failure,
): StatusUpdate[] {
  return tasks.map(({ taskId, agentId }) => ({
    task: { ...framework, taskId },
    agentId,
    source: 'master',
    sequence: 1,
    state: 'dropped',
    message: failure.message.slice(0, 4096),
    wallTimeMs: 0,
  }));
}
