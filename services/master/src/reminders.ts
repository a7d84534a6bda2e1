// Owns what a leader tells those whose signs of life show that they believe something else than the books say. None of
// it is kept: who does not hear it shows the same again.
import type { AgentId, FrameworkRef } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { BroadcastsOptions } from './broadcasts.ts';

export type Message = { readonly subject: string; readonly bytes: Uint8Array };
type Surroundings = Omit<BroadcastsOptions, 'masterId'>;

/** It believes that it is subscribed: no session of its own is in force. */
export function tellUnsubscribed(
  { cluster, epoch, view }: Surroundings,
  framework: FrameworkRef,
): Message[] {
  if (view.isSubscribed(framework)) return [];
  const body = { session: 0, lastNumber: 0 };
  return [encodeMessage(SUBJECTS.leaderHeartbeat, cluster, framework, body, { epoch })];
}

/** The books say otherwise of its roles. No message has the number 0: nothing is said about those. */
export function askForRoles(
  { cluster, epoch }: Surroundings,
  framework: FrameworkRef,
  session: number,
): Message {
  const body = { session, lastNumber: 0, wantsRoles: true } as const;
  return encodeMessage(SUBJECTS.leaderHeartbeat, cluster, framework, body, { epoch });
}

/** It believes that it is registered, and would not find out by itself: only its signs of life were lost. */
export function askToRegister(around: Surroundings, agentId: AgentId): Message[] {
  return around.view.isRegistered(agentId) ? [] : [askForReport(around, agentId)];
}

/** What it has is not what the books say. */
export function askForReport({ cluster, epoch }: Surroundings, agentId: AgentId): Message {
  return encodeMessage(SUBJECTS.registerAgain, cluster, { agentId }, {}, { epoch });
}

/** What it had may not have been what the books say for a moment only. One of an earlier release registers. */
export function askForStanding({ cluster, epoch }: Surroundings, agentId: AgentId): Message {
  const body = { standing: true } as const;
  return encodeMessage(SUBJECTS.registerAgain, cluster, { agentId }, body, { epoch });
}
