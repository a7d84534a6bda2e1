// Owns ACCEPT of a subscribed Mesos framework: which offers are meant, what of its operations is carried out, and what the
// framework hears of the rest.
import { OfferId } from '@parley/protocol/ids';
import type { Filter, Offer } from '@parley/protocol/offers';
import {
  type AcceptPlace,
  isLaunch,
  type TranslatedAccept,
  tasksOf,
  translateAccept,
} from './accept-translation.ts';
import { ownIdOf } from './foreign-id.ts';
import type { CallParts } from './framework-calls.ts';
import type { Call, MesosOperation, TaskInfo, Value } from './mesos-types.ts';
import { refusedStatus } from './status-translation.ts';

const DEFAULT_REFUSE_S = 5;
const MAX_REFUSE_S = 365 * 24 * 3600;
const MS = 1000;

export class AcceptCalls {
  readonly #parts: CallParts;

  constructor(parts: CallParts) {
    this.#parts = parts;
  }

  accept({ offer_ids = [], operations = [], filters }: NonNullable<Call['accept']>): void {
    const { offers: known, client } = this.#parts;
    const ids = [...new Set(offer_ids.map(({ value }) => value))];
    const offers = ids.flatMap(
      (id) => known.get(OfferId.safeParse(id).data ?? ('' as OfferId)) ?? [],
    );
    for (const { offerId } of offers) known.delete(offerId);
    const fault = offersFault(offer_ids, offers);
    const [first] = offers;
    if (fault !== undefined || first === undefined) {
      client.decline(
        offers.map(({ offerId }) => offerId),
        { filter: { refuseMs: 0 } },
      );
      this.#dropAll(operations, fault ?? 'no offers');
      return;
    }
    const { mesosFrameworkId, checkpoint } = this.#parts;
    const place: AcceptPlace = {
      ...{ mesosFrameworkId, checkpoint, agentId: first.agentId, offers },
    };
    const translated = translateAccept(operations, place);
    for (const { task, reason, message } of translated.rejected) {
      this.#tellRefused(task, { state: 'error', reason, message });
    }
    const filter = filterOf(filters);
    if (translated.operations.length === 0) {
      client.decline(
        offers.map(({ offerId }) => offerId),
        { filter },
      );
      this.#tellSteps(translated, 'nothing of the call could be carried out', new Map());
      return;
    }
    for (const task of operations.flatMap(tasksOf)) this.#remember(task);
    this.#carryOutAccept(translated, offers, filter).catch((error: unknown) => {
      this.#parts.logger.error({ why: String(error) }, 'an ACCEPT failed');
    });
  }

  async #carryOutAccept(
    translated: TranslatedAccept,
    offers: readonly Offer[],
    filter: Filter,
  ): Promise<void> {
    const { operations } = translated;
    const outcome = await this.#parts.client.accept({ offers, operations, filter });
    if (!outcome.ok) {
      const { code, message } = outcome.failure;
      this.#parts.logger.info({ code, why: message }, 'an ACCEPT came to nothing');
      this.#tellSteps(translated, outcome.failure.message, new Map());
      return;
    }
    const refused = new Map(
      outcome.value.refusedOperations.map(({ index, failure }) => [index, failure.message]),
    );
    this.#tellSteps(translated, undefined, refused);
  }

  /** What Mesos's frameworks hear of operations other than launches: by events where they gave an id, else nothing. */
  #tellSteps(
    { steps }: TranslatedAccept,
    failed: string | undefined,
    refused: ReadonlyMap<number, string>,
  ): void {
    for (const { operation, indexes, fault } of steps) {
      const [why] = indexes.flatMap((index) => refused.get(index) ?? []);
      this.#tellOperation(operation, fault ?? failed ?? why);
    }
  }

  #tellOperation({ type, id, reserve, create }: MesosOperation, fault: string | undefined): void {
    if (fault !== undefined)
      this.#parts.logger.info({ type, why: fault }, 'an operation was refused');
    if (id === undefined) return;
    const converted = reserve?.resources ?? create?.volumes;
    this.#tellStatus({
      operation_id: id,
      state: fault === undefined ? 'OPERATION_FINISHED' : 'OPERATION_ERROR',
      ...(fault !== undefined && { message: fault }),
      ...(fault === undefined && converted !== undefined && { converted_resources: converted }),
    });
  }

  #tellStatus(status: object): void {
    this.#parts.send({ type: 'UPDATE_OPERATION_STATUS', update_operation_status: { status } });
  }

  #dropAll(operations: readonly MesosOperation[], message: string): void {
    for (const operation of operations) {
      if (!isLaunch(operation)) this.#tellOperation(operation, message);
      for (const task of tasksOf(operation)) {
        this.#tellRefused(task, { state: 'dropped', reason: 'REASON_INVALID_OFFERS', message });
      }
    }
  }

  #tellRefused(
    { task_id, agent_id }: TaskInfo,
    verdict: Parameters<typeof refusedStatus>[1],
  ): void {
    const { told, send } = this.#parts;
    const task = { taskId: task_id.value, agentId: agent_id.value };
    const status = refusedStatus(task, verdict, told.capabilities, this.#parts.wallMs());
    send({ type: 'UPDATE', update: { status } });
  }

  #remember({ task_id, executor }: TaskInfo): void {
    const { ids } = this.#parts;
    ids.remember(ownIdOf(task_id.value), task_id.value);
    const executorId = executor?.executor_id.value;
    if (executorId !== undefined) ids.remember(ownIdOf(executorId), executorId);
  }

  /** They are carried out at once or not at all: of an earlier one nothing is known. */
  reconcileOperations({ operations = [] }: NonNullable<Call['reconcile_operations']>): void {
    for (const { operation_id, agent_id } of operations) {
      this.#tellStatus({
        operation_id,
        state: 'OPERATION_UNKNOWN',
        ...(agent_id !== undefined && { agent_id }),
      });
    }
  }
}

/** In Mesos's order: one that does not hold spoils all. */
function offersFault(named: readonly Value[], offers: readonly Offer[]): string | undefined {
  const [first] = offers;
  if (named.length === 0) return 'No offers specified';
  if (new Set(named.map(({ value }) => value)).size < named.length) return 'Duplicate offer';
  if (offers.length < named.length) return 'An offer is no longer valid';
  if (offers.some(({ role }) => role !== first?.role))
    return 'Aggregated offers are of several roles';
  if (offers.some(({ agentId }) => agentId !== first?.agentId)) {
    return 'Aggregated offers are of several agents';
  }
  return undefined;
}

export function filterOf(filters: { readonly refuse_seconds?: number } | undefined): Filter {
  const asked = filters?.refuse_seconds ?? DEFAULT_REFUSE_S;
  const seconds = asked >= 0 ? Math.min(asked, MAX_REFUSE_S) : DEFAULT_REFUSE_S;
  return { refuseMs: Math.round(seconds * MS) };
}
