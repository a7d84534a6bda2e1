// Owns the part of the subject table that frameworks read, and the messages to and from their executors.

import { EventsMessage, ExecutorMessage, LeaderHeartbeat } from './frameworks.ts';
import { OffersMessage, RescindMessage } from './offers.ts';
import { entry } from './subject-entry.ts';
import { StatusUpdate } from './tasks.ts';

export const frameworkMessages = {
  offers: entry({
    kind: 'framework.offers',
    pattern: 'framework.{principal}.{frameworkId}.offers',
    delivery: 'publish',
    from: ['master'],
    to: ['principal'],
    body: OffersMessage,
    summary: 'Numbered offers.',
  }),
  rescind: entry({
    kind: 'framework.rescind',
    pattern: 'framework.{principal}.{frameworkId}.rescind',
    delivery: 'publish',
    from: ['master'],
    to: ['principal'],
    body: RescindMessage,
    summary: 'Offers taken back. One that is unknown or used already is to be ignored.',
  }),
  events: entry({
    kind: 'framework.events',
    pattern: 'framework.{principal}.{frameworkId}.events',
    delivery: 'publish',
    from: ['master'],
    to: ['principal'],
    body: EventsMessage,
    summary: 'Executors that exited, agents that went or came back; told again until acknowledged.',
  }),
  messageToExecutor: entry({
    kind: 'executor.message',
    pattern: 'message.{agentId}.{principal}.{frameworkId}.{executorId}',
    delivery: 'publish',
    from: ['principal'],
    to: ['agent'],
    body: ExecutorMessage,
    summary: 'Opaque bytes for an executor, relayed by its agent; may be lost.',
  }),
  messageToFramework: entry({
    kind: 'framework.message',
    pattern: 'framework.{principal}.{frameworkId}.message.{agentId}.{executorId}',
    delivery: 'publish',
    from: ['agent'],
    to: ['principal'],
    body: ExecutorMessage,
    summary: 'Opaque bytes from an executor, relayed by its agent; may be lost.',
  }),
  leaderHeartbeat: entry({
    kind: 'framework.leaderHeartbeat',
    pattern: 'framework.{principal}.{frameworkId}.heartbeat',
    delivery: 'publish',
    from: ['master'],
    to: ['principal'],
    body: LeaderHeartbeat,
    summary:
      'The number of the last message to this framework, so that a loss shows. `wantsRoles`: the books say otherwise of its roles than its report.',
  }),
  update: entry({
    kind: 'task.update',
    pattern: 'updates.{source}.{principal}.{frameworkId}.{taskId}',
    delivery: 'stream',
    from: ['agent', 'master'],
    to: ['principal', 'master'],
    body: StatusUpdate,
    summary: 'A status update, kept in the stream of the principal until long after it was read.',
  }),
} as const;
