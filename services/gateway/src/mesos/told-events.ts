// Owns what a Mesos framework is told of what happens to it: each event of its session here, in Mesos's words. What it is
// told and when it is to acknowledge is decided here; how it is written on the wire is the stream's.

import type { FrameworkEvent } from '@parley/protocol/frameworks';
import { AgentId, type OfferId } from '@parley/protocol/ids';
import type { Offer } from '@parley/protocol/offers';
import { MILLI } from '@parley/protocol/resources';
import type { ClientEvent } from '@parley/scheduler-sdk/client';
import type { StopReason } from '@parley/scheduler-sdk/session-vocabulary';
import type { FollowedCluster } from '../live-cluster.ts';
import type { Capabilities } from './framework-translation.ts';
import type { HostAddresses } from './host-addresses.ts';
import type { Event } from './mesos-types.ts';
import {
  agentInverseOfferId,
  agentInverseOffers,
  type Host,
  mesosOffer,
  type Period,
  taskInverseOffer,
  taskInverseOfferId,
} from './offer-translation.ts';
import type { OfferWishes } from './offer-wishes.ts';
import type { OriginalIds } from './original-ids.ts';
import { updatedStatus } from './status-translation.ts';
import type { StreamUpdate } from './update-lanes.ts';
import { updateUuid } from './update-uuid.ts';

export type TellingParts = {
  readonly mesosFrameworkId: string;
  readonly live: FollowedCluster;
  readonly hosts: HostAddresses;
  readonly ids: OriginalIds;
};

export class ToldEvents {
  capabilities: Capabilities;
  /** Beside what it can use. */
  wishes: OfferWishes;
  /** Something was kept from it that it did not wish for. */
  hasKept = false;
  readonly #parts: TellingParts;
  /** Agents of windows that the framework was asked about. */
  readonly #windows = new Map<string, readonly string[]>();

  constructor(parts: TellingParts, capabilities: Capabilities, wishes: OfferWishes) {
    this.#parts = parts;
    this.capabilities = capabilities;
    this.wishes = wishes;
  }

  /** Whether the framework can use it, and wants it: one that does not know of GPUs is not to sit on them. */
  isWanted(offer: Offer): boolean {
    const { resources, reservations } = offer;
    if (!this.wishes(offer)) {
      this.hasKept = true;
      return false;
    }
    if (this.capabilities.gpuResources) return true;
    const all = [resources, ...reservations.map((reservation) => reservation.resources)];
    return all.every(({ scalars }) => (scalars['gpus'] ?? 0) < MILLI);
  }

  offers(offers: readonly Offer[]): Event {
    const place = this.#place();
    const shown = offers.map((offer) =>
      mesosOffer(offer, place, {
        host: { hostname: offer.hostname, address: this.#parts.hosts.addressOf(offer.hostname) },
        unavailability: this.#unavailability(offer.agentId),
      }),
    );
    return { type: 'OFFERS', offers: { offers: shown } };
  }

  rescind(offerId: OfferId): Event {
    return { type: 'RESCIND', rescind: { offer_id: { value: offerId } } };
  }

  /** `streamSequence` undefined: nothing is to be acknowledged. */
  update({
    update,
    streamSequence,
  }: Omit<StreamUpdate, 'streamSequence'> & {
    readonly streamSequence: number | undefined;
  }): Event {
    const { ids } = this.#parts;
    const taskId = ids.taskId(update.task.taskId);
    const { executorId } = update;
    const names = {
      taskId,
      executorId: executorId === undefined ? taskId : ids.executorId(executorId),
      address: this.#hostOf(update.agentId).address,
    };
    const uuid = streamSequence === undefined ? undefined : updateUuid(update.task, streamSequence);
    return {
      type: 'UPDATE',
      update: { status: updatedStatus(update, uuid, names, this.capabilities) },
    };
  }

  message({ agentId, executorId, data }: Extract<ClientEvent, { kind: 'executorMessage' }>): Event {
    return {
      type: 'MESSAGE',
      message: {
        agent_id: { value: agentId },
        executor_id: { value: this.#parts.ids.executorId(executorId) },
        data,
      },
    };
  }

  /** Nothing where Mesos's frameworks are told nothing. */
  event(event: FrameworkEvent): Event[] {
    switch (event.kind) {
      case 'executorExited':
        return [this.#executorFailure(event)];
      case 'agentUnreachable':
      case 'agentGone':
        return [{ type: 'FAILURE', failure: { agent_id: { value: event.agentId } } }];
      case 'agentReturned':
        return [];
      case 'inverseOffer':
        return [
          inverseOffers([
            taskInverseOffer(event, this.#place(), (agentId) => this.#hostOf(agentId)),
          ]),
        ];
      case 'agentInverseOffer':
        this.#windows.set(event.windowId, [
          ...(this.#windows.get(event.windowId) ?? []),
          ...event.agents,
        ]);
        return [
          inverseOffers(
            agentInverseOffers(event, this.#place(), (agentId) => this.#hostOf(agentId)),
          ),
        ];
      case 'inverseOfferWithdrawn':
        return [rescindInverse(taskInverseOfferId(event.taskId))];
      case 'agentInverseOfferWithdrawn':
        return this.#windowWithdrawn(event.windowId);
    }
  }

  /** The last word; nothing after one's own teardown. */
  stopped(reason: StopReason): Event[] {
    if (reason.kind === 'teardown') return [];
    return [errorEvent(stopMessage(reason.failure))];
  }

  async prepareHosts(hostnames: readonly string[]): Promise<void> {
    await this.#parts.hosts.prepare(hostnames);
  }

  #windowWithdrawn(windowId: string): Event[] {
    const agents = this.#windows.get(windowId) ?? [];
    this.#windows.delete(windowId);
    return agents.map((agentId) => rescindInverse(agentInverseOfferId(windowId, agentId)));
  }

  #executorFailure(event: Extract<FrameworkEvent, { kind: 'executorExited' }>): Event {
    const { agentId, executorId, exitCode, signal } = event;
    const status = waitStatus(exitCode, signal);
    return {
      type: 'FAILURE',
      failure: {
        agent_id: { value: agentId },
        executor_id: { value: this.#parts.ids.executorId(executorId) },
        ...(status !== undefined && { status }),
      },
    };
  }

  #place() {
    const { mesosFrameworkId } = this.#parts;
    return { mesosFrameworkId, capabilities: this.capabilities };
  }

  #hostOf(agentId: string): Host {
    const { live, hosts } = this.#parts;
    const hostname = live.followed.state.agents.get(agentId)?.hostname ?? agentId;
    return { hostname, address: hosts.addressOf(hostname) };
  }

  /** Of the first window of that agent that is not over. */
  #unavailability(agentId: string): Period | undefined {
    const id = AgentId.safeParse(agentId);
    const { maintenance } = this.#parts.live.followed.state;
    let next: Period | undefined;
    for (const { agents, startWallTimeMs: startMs, durationMs } of maintenance.rows()) {
      if (!id.success || !agents.includes(id.data)) continue;
      if (next === undefined || startMs < next.startMs) next = { startMs, durationMs };
    }
    return next;
  }
}

export const errorEvent = (message: string): Event => ({ type: 'ERROR', error: { message } });

const inverseOffers = (list: readonly object[]): Event => ({
  type: 'INVERSE_OFFERS',
  inverse_offers: { inverse_offers: list },
});

const rescindInverse = (id: string): Event => ({
  type: 'RESCIND_INVERSE_OFFER',
  rescind_inverse_offer: { inverse_offer_id: { value: id } },
});

/** In the words that Mesos's frameworks look for. */
export function stopMessage({
  code,
  message,
}: {
  readonly code: string;
  readonly message: string;
}): string {
  if (code === 'sessionReplaced') return 'Framework failed over';
  return code === 'frameworkRemoved' ? 'Framework has been removed' : message;
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};
const EXIT_SHIFT = 8;

/** As waitpid(2) has it; undefined: not known. */
function waitStatus(exitCode: number | undefined, signal: string | undefined): number | undefined {
  if (exitCode !== undefined) return exitCode << EXIT_SHIFT;
  return signal === undefined ? undefined : SIGNALS[signal];
}
