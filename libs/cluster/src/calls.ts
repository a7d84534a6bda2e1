// Owns the calls of frameworks, agents and operators: admitted once, carried out, answered and remembered.
import { fail, succeed } from '@parley/protocol/errors';
import type { AgentId, PrincipalName } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import { unreachable } from '@parley/protocol/unreachable';
import { acceptOffers, declineOffers } from './accept.ts';
import { adoptTold } from './adoption.ts';
import { changeAgent } from './agent-changes.ts';
import { registerAgent } from './agents.ts';
import { awaitsAgents } from './awaited-agents.ts';
import type { Effect } from './effects.ts';
import { executorExited, shutdownExecutor } from './executor-ends.ts';
import { acknowledgeEvents } from './framework-events.ts';
import { removeFramework, tearDownByOperator } from './framework-removal.ts';
import { reviveOffers, stateDemand, suppressOffers, updateFramework } from './framework-roles.ts';
import { callingFramework, resync, subscribe } from './frameworks.ts';
import type { Call, Caller, Input } from './inputs.ts';
import { killTask, killWish } from './kills.ts';
import { answerInverseOffer, changeMaintenance } from './maintenance.ts';
import { operateByOperator } from './operator-operations.ts';
import { reconcileTasks } from './reconcile.ts';
import type { FrameworkRecord } from './records.ts';
import { admitRequest, rememberAnswer } from './requests.ts';
import { stopAnswered } from './revocations.ts';
import { changeSharing } from './sharing-changes.ts';
import type { Turn } from './turn.ts';

type CallInput = Extract<Input, { kind: 'call' }>;
type Verb = Call['verb'];

const AGENT_VERBS: ReadonlySet<Verb> = new Set([
  'register',
  'tellTasks',
  'executorExited',
  'stopAnswered',
]);
const OPERATOR_VERBS: ReadonlySet<Verb> = new Set([
  'operatorKill',
  'operatorTeardown',
  'operatorAgent',
  'operatorOperate',
  'operatorSharing',
  'operatorMaintenance',
]);

/** Answers that may be long and change nothing: a repeated one is answered with what is true then. */
const READS: ReadonlySet<Verb> = new Set(['resync', 'reconcile']);

/** The answer stands before whatever the call caused. */
export function stepCall(turn: Turn, input: CallInput): void {
  const { caller, request } = input;
  const position = turn.effects.length;
  const answer = answerTo(turn, input);
  const effect: Effect = { kind: 'answer', caller, request, answer };
  turn.effects.splice(position, 0, effect);
}

function answerTo(turn: Turn, input: CallInput): Answer {
  const { caller, request } = input;
  const admission = admitRequest(turn, caller, request);
  if (admission.kind === 'repeated') return admission.answer;
  if (admission.kind === 'expired') {
    const message = `request ${request.counter} is below the lowest one that is unanswered`;
    return fail('requestExpired', message);
  }
  const answer = carryOut(turn, input);
  if (!READS.has(input.call.verb))
    rememberAnswer(turn, { session: admission.session, request, answer });
  return answer;
}

function carryOut(turn: Turn, { caller, frameworkSession, call }: CallInput): Answer {
  if (kindOf(call.verb) !== caller.kind) {
    return fail('notPermitted', `${call.verb} is no call of ${caller.kind}s`);
  }
  switch (caller.kind) {
    case 'agent':
      return agentCall(turn, caller.agentId, call);
    case 'operator':
      return operatorCall(turn, caller.operator, call);
    case 'framework':
      return frameworkCall(turn, caller, { frameworkSession, call });
    default:
      return unreachable(caller);
  }
}

function agentCall(turn: Turn, agentId: AgentId, call: Call): Answer {
  switch (call.verb) {
    case 'register':
      return registerAgent(turn, agentId, call.body);
    case 'tellTasks':
      return adoptTold(turn, agentId, call.body);
    case 'executorExited':
      return executorExited(turn, agentId, call.body);
    case 'stopAnswered':
      return stopAnswered(turn, agentId, call.body);
    default:
      return neverHere(call.verb);
  }
}

function operatorCall(turn: Turn, operator: PrincipalName, call: Call): Answer {
  switch (call.verb) {
    case 'operatorKill':
      return killTask(turn, call.body, killWish('operator', call.body.graceMs));
    case 'operatorTeardown':
      return tearDownByOperator(turn, call.body.framework);
    case 'operatorAgent':
      return changeAgent(turn, call.body);
    case 'operatorOperate':
      return operateByOperator(turn, operator, call.body);
    case 'operatorSharing':
      return changeSharing(turn, operator, call.body);
    case 'operatorMaintenance':
      return changeMaintenance(turn, operator, call.body);
    default:
      return neverHere(call.verb);
  }
}

function frameworkCall(
  turn: Turn,
  { principal, frameworkId }: Extract<Caller, { kind: 'framework' }>,
  { frameworkSession, call }: { frameworkSession: number | undefined; call: Call },
): Answer {
  const framework = { principal, frameworkId };
  if (call.verb === 'subscribe') return subscribe(turn, framework, call.body);
  const calling = callingFramework(turn.state, framework, frameworkSession);
  return calling.ok ? subscribedCall(turn, calling.value, call) : calling;
}

function subscribedCall(turn: Turn, record: FrameworkRecord, call: Call): Answer {
  switch (call.verb) {
    case 'resync':
      return resync(turn, record);
    case 'demand':
      return stateDemand(turn, record, call.body);
    case 'updateFramework':
      return updateFramework(turn, record, call.body);
    case 'suppress':
      return suppressOffers(turn, record, call.body);
    case 'revive':
      return reviveOffers(turn, record, call.body);
    case 'accept':
      return acceptOffers(turn, record, call.body);
    case 'decline':
      return declineOffers(turn, record, call.body);
    case 'killTask': {
      const { taskId, agentId, graceMs } = call.body;
      const task = { ...record.framework, taskId };
      return killTask(turn, { task, agentId }, killWish('framework', graceMs));
    }
    case 'reconcile':
      return awaitsAgents(turn)
        ? fail('unavailable', 'the books are made anew, and agents still tell what they have')
        : succeed(reconcileTasks(turn.state, record.framework, call.body));
    case 'shutdownExecutor':
      return shutdownExecutor(turn, record, call.body);
    case 'answerInverseOffer':
      return answerInverseOffer(turn, record, call.body);
    case 'acknowledgeEvents':
      return acknowledgeEvents(turn, record, call.body);
    case 'teardown':
      removeFramework(turn, record, 'teardown');
      return succeed({});
    default:
      return neverHere(call.verb);
  }
}

function kindOf(verb: Verb): Caller['kind'] {
  if (AGENT_VERBS.has(verb)) return 'agent';
  return OPERATOR_VERBS.has(verb) ? 'operator' : 'framework';
}

/** The kind of the caller was checked before. */
function neverHere(verb: Verb): never {
  throw new Error(`${verb} was given to the wrong kind of caller`);
}
