// Owns what becomes of the calls of one subscribed Mesos framework: each becomes a call of its session here, and what
// comes of it is told by events. What of a call means nothing here is left out with a line in the log, as Mesos does.
import type { Outcome } from '@parley/protocol/errors';
import {
  AgentId,
  ExecutorId,
  type FrameworkRef,
  OfferId,
  type TaskId as OwnTaskId,
  type RoleName,
  TaskId,
  WindowId,
} from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import type { SchedulerClient } from '@parley/scheduler-sdk/client';
import type { Logger } from '@parley/telemetry/logger';
import { AcceptCalls, filterOf } from './accept-calls.ts';
import { ownIdOf } from './foreign-id.ts';
import { capabilitiesOf, frameworkFacts, roleOf } from './framework-translation.ts';
import type { AskedTask, Call, Event, Value } from './mesos-types.ts';
import { millisecondsOf, Untranslatable } from './mesos-values.ts';
import { windowOf } from './offer-translation.ts';
import { offerWishes } from './offer-wishes.ts';
import type { OriginalIds } from './original-ids.ts';
import { reconciledStatus } from './status-translation.ts';
import type { SuppressedRoles } from './suppressed-roles.ts';
import type { ToldEvents } from './told-events.ts';
import type { UpdateLanes } from './update-lanes.ts';
import { streamSequenceOf } from './update-uuid.ts';

export type CallAnswer = { readonly status: number; readonly message?: string };
const ACCEPTED: CallAnswer = { status: 202 };

export type CallParts = {
  readonly client: SchedulerClient;
  readonly mesosFrameworkId: string;
  /** As FrameworkInfo says it. */
  readonly checkpoint: boolean;
  readonly ids: OriginalIds;
  readonly told: ToldEvents;
  readonly lanes: UpdateLanes;
  /** Told and not answered. */
  readonly offers: Map<OfferId, Offer>;
  readonly send: (event: Event) => void;
  readonly logger: Logger;
  /** Never goes back, in milliseconds. */
  readonly nowMs: () => number;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** The framework is no more. */
  readonly toreDown: () => void;
};

const MAX_ASKED = 1024;

export class FrameworkCalls {
  readonly #parts: CallParts;
  readonly #framework: FrameworkRef;
  readonly #accepts: AcceptCalls;
  readonly #suppressed: SuppressedRoles;

  constructor(parts: CallParts, suppressed: SuppressedRoles) {
    this.#parts = parts;
    this.#framework = parts.client.framework;
    this.#accepts = new AcceptCalls(parts);
    this.#suppressed = suppressed;
  }

  /** A call other than SUBSCRIBE that was found well-formed. */
  async handle(call: Call): Promise<CallAnswer> {
    switch (call.type) {
      case 'TEARDOWN':
        return this.#teardown();
      case 'UPDATE_FRAMEWORK':
        return this.#updateFramework(call);
      default:
        this.#carryOut(call);
        return ACCEPTED;
    }
  }

  #carryOut(call: Call): void {
    switch (call.type) {
      case 'ACCEPT':
        this.#accepts.accept(call.accept ?? {});
        break;
      case 'DECLINE':
        this.#decline(call.decline ?? {});
        break;
      case 'REVIVE':
        this.#change(call.type, call.revive?.roles ?? []);
        break;
      case 'SUPPRESS':
        this.#change(call.type, call.suppress?.roles ?? []);
        break;
      case 'KILL':
        this.#background(this.#kill(call.kill));
        break;
      case 'ACKNOWLEDGE':
        this.#acknowledge(call.acknowledge);
        break;
      case 'RECONCILE':
        this.#background(this.#reconcile(call.reconcile?.tasks ?? []));
        break;
      case 'RECONCILE_OPERATIONS':
        this.#accepts.reconcileOperations(call.reconcile_operations ?? {});
        break;
      default:
        this.#carryOutRare(call);
    }
  }

  #carryOutRare(call: Call): void {
    switch (call.type) {
      case 'SHUTDOWN':
        this.#background(this.#shutdown(call.shutdown));
        break;
      case 'MESSAGE':
        this.#message(call.message);
        break;
      case 'ACCEPT_INVERSE_OFFERS':
        this.#answerInverse('accept', call.accept_inverse_offers?.inverse_offer_ids ?? []);
        break;
      case 'DECLINE_INVERSE_OFFERS':
        this.#answerInverse('decline', call.decline_inverse_offers?.inverse_offer_ids ?? []);
        break;
      default:
        // REQUEST, as by Mesos's own allocator; ACKNOWLEDGE_OPERATION_STATUS: none of ours asks for it.
        break;
    }
  }

  #decline({ offer_ids = [], filters }: NonNullable<Call['decline']>): void {
    const { offers, client } = this.#parts;
    const ids = offer_ids.flatMap(({ value }) => OfferId.safeParse(value).data ?? []);
    const known = ids.filter((id) => offers.delete(id));
    if (known.length > 0) client.decline(known, { filter: filterOf(filters) });
  }

  #change(type: 'REVIVE' | 'SUPPRESS', names: readonly string[]): void {
    const { client } = this.#parts;
    try {
      const roles = names.map((name) => roleOf(name, 'roles'));
      const isRevive = type === 'REVIVE';
      if (isRevive) this.#suppressed.revive(roles);
      else this.#suppressed.suppress(roles);
      const made = isRevive ? client.revive(roles) : client.suppress(roles);
      void made.then((outcome) => this.#log(type, outcome));
    } catch (error) {
      this.#leftOut(type, error);
    }
  }

  async #kill(kill: Call['kill']): Promise<void> {
    if (kill === undefined) return;
    const { client, told, send } = this.#parts;
    const agentId = AgentId.safeParse(kill.agent_id?.value).data;
    if (kill.agent_id !== undefined && agentId === undefined) return;
    const grace = kill.kill_policy?.grace_period?.nanoseconds;
    try {
      const outcome = await client.kill({
        taskId: ownTaskId(kill.task_id),
        ...(agentId !== undefined && { agentId }),
        ...(grace !== undefined && { graceMs: millisecondsOf(grace, 'kill_policy') }),
      });
      this.#log('KILL', outcome);
      if (!outcome.ok || outcome.value.status.state !== 'unknown') return;
      const { status } = outcome.value;
      const { value } = kill.task_id;
      const shown = reconciledStatus(status, value, told.capabilities, this.#parts.wallMs());
      send({ type: 'UPDATE', update: { status: shown } });
    } catch (error) {
      this.#leftOut('KILL', error);
    }
  }

  async #shutdown(shutdown: Call['shutdown']): Promise<void> {
    const agentId = AgentId.safeParse(shutdown?.agent_id.value).data;
    if (shutdown === undefined || agentId === undefined) return;
    const executorId = ownExecutorId(shutdown.executor_id);
    this.#log('SHUTDOWN', await this.#parts.client.shutdownExecutor({ agentId, executorId }));
  }

  #acknowledge(acknowledge: Call['acknowledge']): void {
    if (acknowledge === undefined) return;
    const { client, lanes, nowMs, told, send } = this.#parts;
    const taskId = ownTaskId(acknowledge.task_id);
    const streamSequence = streamSequenceOf({ ...this.#framework, taskId }, acknowledge.uuid);
    if (streamSequence === undefined) return;
    const { isDue, next } = lanes.acknowledge(taskId, streamSequence, nowMs());
    if (!isDue) return;
    client.acknowledge({ streamSequence });
    if (next !== undefined) send(told.update(next));
  }

  async #reconcile(tasks: readonly AskedTask[]): Promise<void> {
    if (tasks.length === 0) return this.#reconcileAll();
    const { client } = this.#parts;
    for (let from = 0; from < tasks.length; from += MAX_ASKED) {
      const part = tasks.slice(from, from + MAX_ASKED);
      const originals = new Map<string, string>();
      const asked = part.map(({ task_id, agent_id }) => {
        const taskId = ownTaskId(task_id);
        originals.set(taskId, task_id.value);
        const agentId = AgentId.safeParse(agent_id?.value).data;
        return { taskId, ...(agentId !== undefined && { agentId }) };
      });
      const outcome = await client.reconcile({ tasks: asked });
      this.#log('RECONCILE', outcome);
      if (outcome.ok) this.#tellKnown(outcome.value.statuses, (id) => originals.get(id));
    }
  }

  async #reconcileAll(): Promise<void> {
    const { client, ids } = this.#parts;
    let after: OwnTaskId | undefined;
    do {
      const outcome = await client.reconcile({ tasks: [], ...(after !== undefined && { after }) });
      this.#log('RECONCILE', outcome);
      if (!outcome.ok) return;
      this.#tellKnown(outcome.value.statuses, (id) => ids.taskId(id));
      after = outcome.value.next;
    } while (after !== undefined);
  }

  /** What was told last and not acknowledged counts: what follows it has not been told. */
  #tellKnown(
    statuses: readonly Parameters<typeof reconciledStatus>[0][],
    originalOf: (taskId: OwnTaskId) => string | undefined,
  ): void {
    const { lanes, told, send } = this.#parts;
    for (const status of statuses) {
      const last = lanes.told(status.taskId);
      const known = last === undefined ? status : { ...status, state: last.state };
      const original = originalOf(status.taskId) ?? status.taskId;
      const shown = reconciledStatus(known, original, told.capabilities, this.#parts.wallMs());
      send({ type: 'UPDATE', update: { status: shown } });
    }
  }

  #message(message: Call['message']): void {
    if (message === undefined) return;
    const { agent_id, executor_id, data } = message;
    const sent = this.#parts.client.sendMessage(agent_id.value, ownIdOf(executor_id.value), data);
    this.#log('MESSAGE', sent);
  }

  #answerInverse(answer: 'accept' | 'decline', ids: readonly Value[]): void {
    const windows = new Set(ids.flatMap(({ value }) => windowOf(value) ?? []));
    for (const name of windows) {
      const windowId = WindowId.safeParse(name);
      if (!windowId.success) continue;
      const answered = this.#parts.client.answerInverseOffer({ windowId: windowId.data, answer });
      void answered.then((outcome) => this.#log('INVERSE_OFFERS', outcome));
    }
  }

  async #updateFramework({ update_framework }: Call): Promise<CallAnswer> {
    if (update_framework === undefined) return { status: 400 };
    const { client, told } = this.#parts;
    const { framework_info, suppressed_roles = [] } = update_framework;
    const capabilities = capabilitiesOf(framework_info);
    if (capabilities.revocableResources !== told.capabilities.revocableResources) {
      return { status: 409, message: 'REVOCABLE_RESOURCES is changed by subscribing again' };
    }
    try {
      const facts = frameworkFacts(framework_info);
      const wishes = offerWishes(update_framework);
      const outcome = await client.updateFramework(facts);
      if (!outcome.ok) {
        const { code, message } = outcome.failure;
        return { status: code === 'notPermitted' ? 403 : 400, message };
      }
      told.capabilities = capabilities;
      told.wishes = wishes;
      await this.#setSuppressed(suppressed_roles, facts.roles);
      if (told.hasKept) await this.#showAll(facts.roles);
      return { status: 200 };
    } catch (error) {
      if (error instanceof Untranslatable) return { status: 400, message: error.message };
      throw error;
    }
  }

  /** What was kept from it before may be what it wants now. */
  async #showAll(roles: readonly RoleName[]): Promise<void> {
    this.#parts.told.hasKept = false;
    const asking = roles.filter((role) => !this.#suppressed.has(role));
    if (asking.length > 0) await this.#parts.client.revive(asking);
  }

  async #setSuppressed(names: readonly string[], roles: readonly RoleName[]): Promise<void> {
    const { client } = this.#parts;
    const { suppress, revive } = this.#suppressed.update(roles, names);
    if (suppress.length > 0) await client.suppress([...suppress]);
    if (revive.length > 0) await client.revive([...revive]);
  }

  async #teardown(): Promise<CallAnswer> {
    await this.#parts.client.teardown();
    this.#parts.toreDown();
    return ACCEPTED;
  }

  /** Answered long before: what goes wrong is for the log. */
  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#parts.logger.error({ why: String(error) }, 'a call of a Mesos framework failed');
    });
  }

  #log(call: string, outcome: Outcome<unknown>): void {
    if (outcome.ok) return;
    const { code, message } = outcome.failure;
    this.#parts.logger.info(
      { call, code, why: message },
      'a call of a Mesos framework came to nothing',
    );
  }

  #leftOut(call: string, error: unknown): void {
    if (!(error instanceof Untranslatable)) throw error;
    this.#parts.logger.info(
      { call, why: error.message },
      'a call of a Mesos framework was left out',
    );
  }
}

const ownTaskId = ({ value }: Value): OwnTaskId => TaskId.parse(ownIdOf(value.toWellFormed()));
const ownExecutorId = ({ value }: Value) => ExecutorId.parse(ownIdOf(value.toWellFormed()));
