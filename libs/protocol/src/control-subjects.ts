// Owns the part of the subject table among masters, allocators and operators, and what the leader tells everybody.

import { FactsMessage, ProposalsMessage } from './allocation.ts';
import { LeaderPresence, Watermarks } from './broadcasts.ts';
import { ExplainRequest, Explanation } from './explanations.ts';
import {
  LogLevelRequest,
  LogLevelResult,
  OperatorAgentRequest,
  OperatorKillRequest,
  OperatorOperateRequest,
  OperatorTeardownRequest,
} from './operators.ts';
import { entry } from './subject-entry.ts';
import { Empty, KillTaskResult } from './tasks.ts';

export const controlMessages = {
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
  explain: entry({
    kind: 'allocator.explain',
    pattern: 'allocator.explain',
    delivery: 'request',
    from: ['operator'],
    to: ['allocator'],
    body: ExplainRequest,
    reply: Explanation,
    summary:
      'Asks the leading allocator why somebody is not offered what it wants; others do not answer.',
  }),
  operatorKill: entry({
    kind: 'operator.kill',
    pattern: 'master.call.operator.{operator}.kill',
    delivery: 'request',
    from: ['operator'],
    to: ['master'],
    body: OperatorKillRequest,
    reply: KillTaskResult,
    summary: "Stops any framework's task.",
  }),
  operatorTeardown: entry({
    kind: 'operator.teardown',
    pattern: 'master.call.operator.{operator}.teardown',
    delivery: 'request',
    from: ['operator'],
    to: ['master'],
    body: OperatorTeardownRequest,
    reply: Empty,
    summary: 'Ends any framework and kills its tasks.',
  }),
  operatorAgent: entry({
    kind: 'operator.agent',
    pattern: 'master.call.operator.{operator}.agent',
    delivery: 'request',
    from: ['operator'],
    to: ['master'],
    body: OperatorAgentRequest,
    reply: Empty,
    summary: 'Deactivates, reactivates or gives up an agent.',
  }),
  operatorOperate: entry({
    kind: 'operator.operate',
    pattern: 'master.call.operator.{operator}.operate',
    delivery: 'request',
    from: ['operator'],
    to: ['master'],
    body: OperatorOperateRequest,
    reply: Empty,
    summary: 'Reserves, unreserves, makes or destroys a volume on an agent.',
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
