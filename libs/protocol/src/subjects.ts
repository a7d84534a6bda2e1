// Owns the one table of subjects: who sends what to whom, how it is delivered and what it holds.
// Permissions, streams and infra/docs/subjects.md are generated from it. Order: as in infra/docs.
import type * as z from 'zod';
import {
  AgentHeartbeat,
  KillOrder,
  LogsRequest,
  LogsResult,
  RegisterRequest,
  RegisterResult,
  RunOrder,
  UsageReport,
} from './agents.ts';
import { FactsMessage, ProposalsMessage } from './allocation.ts';
import { LeaderPresence, Watermarks } from './broadcasts.ts';
import {
  DemandRequest,
  FrameworkHeartbeat,
  LeaderHeartbeat,
  ResyncResult,
  SubscribeRequest,
  SubscribeResult,
} from './frameworks.ts';
import {
  AcceptRequest,
  AcceptResult,
  DeclineRequest,
  DeclineResult,
  OffersMessage,
  RescindMessage,
} from './offers.ts';
import { LogLevelRequest, LogLevelResult, OperatorKillRequest } from './operators.ts';
import type { SubjectEntry } from './subject-entry.ts';
import { Empty, KillTaskRequest, StatusUpdate } from './tasks.ts';

function entry<const Pattern extends string, Body extends z.ZodType, Reply extends z.ZodType>(
  value: SubjectEntry<Pattern, Body, Reply>,
): SubjectEntry<Pattern, Body, Reply> {
  return value;
}

const FRAMEWORK_CALL = 'master.call.framework.{principal}.{frameworkId}';
const AGENT_CALL = 'master.call.agent.{agentId}';

const frameworkCalls = {
  subscribe: entry({
    kind: 'framework.subscribe',
    pattern: `${FRAMEWORK_CALL}.subscribe`,
    delivery: 'request',
    from: ['principal'],
    to: ['master'],
    body: SubscribeRequest,
    reply: SubscribeResult,
    summary: 'Opens a session: offers follow. A later one of the same framework replaces it.',
  }),
  frameworkHeartbeat: entry({
    kind: 'framework.heartbeat',
    pattern: `${FRAMEWORK_CALL}.heartbeat`,
    delivery: 'publish',
    from: ['principal'],
    to: ['master'],
    body: FrameworkHeartbeat,
    summary: 'Every 5 s; after 20 s of silence the framework counts as disconnected.',
  }),
  resync: entry({
    kind: 'framework.resync',
    pattern: `${FRAMEWORK_CALL}.resync`,
    delivery: 'request',
    from: ['principal'],
    to: ['master'],
    body: Empty,
    reply: ResyncResult,
    summary: 'After a gap in the numbers: all outstanding offers.',
  }),
  demand: entry({
    kind: 'framework.demand',
    pattern: `${FRAMEWORK_CALL}.demand`,
    delivery: 'request',
    from: ['principal'],
    to: ['master'],
    body: DemandRequest,
    reply: Empty,
    summary: 'What the framework could use now; for the ramp-up metric.',
  }),
  killTask: entry({
    kind: 'framework.kill',
    pattern: `${FRAMEWORK_CALL}.kill`,
    delivery: 'request',
    from: ['principal'],
    to: ['master'],
    body: KillTaskRequest,
    reply: Empty,
    summary: 'Stops a task; its end comes as a status update.',
  }),
  teardown: entry({
    kind: 'framework.teardown',
    pattern: `${FRAMEWORK_CALL}.teardown`,
    delivery: 'request',
    from: ['principal'],
    to: ['master'],
    body: Empty,
    reply: Empty,
    summary: 'Ends the framework and kills its tasks. Its id is not used again.',
  }),
  accept: entry({
    kind: 'offer.accept',
    pattern: 'offers.{principal}.{frameworkId}.{offerId}.accept',
    delivery: 'request',
    from: ['principal'],
    to: ['master'],
    body: AcceptRequest,
    reply: AcceptResult,
    summary: 'Launches tasks on offers of one agent; the rest is declined with the filter.',
  }),
  decline: entry({
    kind: 'offer.decline',
    pattern: 'offers.{principal}.{frameworkId}.{offerId}.decline',
    delivery: 'request',
    from: ['principal'],
    to: ['master'],
    body: DeclineRequest,
    reply: DeclineResult,
    summary: 'Gives offers back; the filter says for how long not to offer the same again.',
  }),
} as const;

const frameworkMessages = {
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
  leaderHeartbeat: entry({
    kind: 'framework.leaderHeartbeat',
    pattern: 'framework.{principal}.{frameworkId}.heartbeat',
    delivery: 'publish',
    from: ['master'],
    to: ['principal'],
    body: LeaderHeartbeat,
    summary: 'The number of the last message to this framework, so that a loss shows.',
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

const agentCalls = {
  register: entry({
    kind: 'agent.register',
    pattern: `${AGENT_CALL}.register`,
    delivery: 'request',
    from: ['agent'],
    to: ['master'],
    body: RegisterRequest,
    reply: RegisterResult,
    summary: 'What the agent has and runs: at its start and at each new term of a leader.',
  }),
  agentHeartbeat: entry({
    kind: 'agent.heartbeat',
    pattern: `${AGENT_CALL}.heartbeat`,
    delivery: 'publish',
    from: ['agent'],
    to: ['master'],
    body: AgentHeartbeat,
    summary: 'Sign of life; after 75 s of silence the agent counts as unreachable.',
  }),
  usage: entry({
    kind: 'agent.usage',
    pattern: `${AGENT_CALL}.usage`,
    delivery: 'publish',
    from: ['agent'],
    to: ['master', 'operator'],
    body: UsageReport,
    summary: 'Measured use of CPU and memory.',
  }),
  run: entry({
    kind: 'agent.run',
    pattern: 'agent.{agentId}.run',
    delivery: 'request',
    from: ['master'],
    to: ['agent'],
    body: RunOrder,
    reply: Empty,
    summary: 'Launch a task; repeated until answered.',
  }),
  kill: entry({
    kind: 'agent.kill',
    pattern: 'agent.{agentId}.kill',
    delivery: 'request',
    from: ['master'],
    to: ['agent'],
    body: KillOrder,
    reply: Empty,
    summary: 'Stop a task; repeated until answered.',
  }),
  logs: entry({
    kind: 'agent.logs',
    pattern: 'agent.{agentId}.logs',
    delivery: 'request',
    from: ['operator'],
    to: ['agent'],
    body: LogsRequest,
    reply: LogsResult,
    summary: "A range of a task's stdout or stderr.",
  }),
} as const;

const controlMessages = {
  presence: entry({
    kind: 'master.presence',
    pattern: 'master.broadcast.presence',
    delivery: 'publish',
    from: ['master'],
    to: ['agent', 'principal', 'allocator', 'operator', 'master'],
    body: LeaderPresence,
    summary: 'A leader began its term, or still leads.',
  }),
  watermarks: entry({
    kind: 'master.watermarks',
    pattern: 'master.broadcast.watermarks',
    delivery: 'publish',
    from: ['master'],
    to: ['agent'],
    body: Watermarks,
    summary: 'How far each update stream is journalled.',
  }),
  facts: entry({
    kind: 'allocator.facts',
    pattern: 'allocator.facts',
    delivery: 'publish',
    from: ['master'],
    to: ['allocator'],
    body: FactsMessage,
    summary: 'What is free and who holds what.',
  }),
  factsSnapshot: entry({
    kind: 'allocator.snapshot',
    pattern: 'master.call.allocator.snapshot',
    delivery: 'publish',
    from: ['allocator'],
    to: ['master'],
    body: Empty,
    summary: 'Asks for all facts anew.',
  }),
  proposals: entry({
    kind: 'allocator.proposals',
    pattern: 'master.proposals',
    delivery: 'publish',
    from: ['allocator'],
    to: ['master'],
    body: ProposalsMessage,
    summary: 'Which free resources to offer to whom; the master checks each.',
  }),
  operatorKill: entry({
    kind: 'operator.kill',
    pattern: 'master.call.operator.{operator}.kill',
    delivery: 'request',
    from: ['operator'],
    to: ['master'],
    body: OperatorKillRequest,
    reply: Empty,
    summary: "Stops any framework's task.",
  }),
  logLevel: entry({
    kind: 'control.logLevel',
    pattern: 'control.{actorKind}.{actorId}.log-level',
    delivery: 'request',
    from: ['operator'],
    to: ['master', 'allocator', 'agent'],
    body: LogLevelRequest,
    reply: LogLevelResult,
    summary: "Changes a service's log level while it runs.",
  }),
} as const;

export const SUBJECTS = {
  ...frameworkCalls,
  ...frameworkMessages,
  ...agentCalls,
  ...controlMessages,
} as const;
