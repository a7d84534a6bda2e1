// Owns which events of the books a master says in its log, and how loudly.
import type { ClusterEvent } from '@parley/cluster/events';

/** Many a second in a busy cluster: the journal has them, the log does not. */
const FREQUENT_EVENTS: ReadonlySet<string> = new Set([
  'offerMade',
  'offerAccepted',
  'offerDeclined',
  'offerRescinded',
  'taskStateChanged',
  'proposalRefused',
  'revocationRefused',
]);
const LOUD_EVENTS: ReadonlySet<string> = new Set(['agentUnreachable', 'frameworkDisconnected']);

/** Undefined: it is not said. */
export function logLineOf({
  type,
}: ClusterEvent): { readonly level: 'info' | 'warn'; readonly message: string } | undefined {
  if (type === 'protocolViolation') return { level: 'warn', message: 'protocol violation' };
  if (LOUD_EVENTS.has(type)) return { level: 'warn', message: type };
  return FREQUENT_EVENTS.has(type) ? undefined : { level: 'info', message: type };
}
