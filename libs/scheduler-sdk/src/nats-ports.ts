// Owns a scheduler's ports on a real cluster: two NATS connections, JetStream, the system's clock.
import { type ConnectionNotice, describeNotice } from '@parley/actor/connection-losses';
import { watchConnection } from '@parley/actor/nats/connection-watch';
import type { Identity } from '@parley/actor/nats/credential-file';
import { type BusTrouble, NatsBus } from '@parley/actor/nats/nats-bus';
import { keepTogether } from '@parley/actor/nats/server-choice';
import { leaveWhenUnled } from '@parley/actor/nats/server-watch';
import { randomNonce, systemClock } from '@parley/actor/nats/system-clock';
import { PrincipalName } from '@parley/protocol/ids';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { type Connections, openPatiently, SchedulerError } from './scheduler-connections.ts';
import { identityOf } from './scheduler-credential.ts';
import type { ConnectOptions } from './scheduler-options.ts';
import type { BusListener, SchedulerClock, SchedulerPorts } from './scheduler-ports.ts';
import { UpdateConsumer } from './update-consumer.ts';
import { openWorkBucket } from './work-bucket.ts';

const systemTime: SchedulerClock = {
  nowMs: () => systemClock.nowMs(),
  startTimer: (afterMs, run) => {
    const timer = setTimeout(run, afterMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

const DEFAULT_CONNECT_MS = 30_000;
/** What is left for the first answer when connecting has taken nearly all the time there was. */
const MIN_LEFT_MS = 1000;

/** Connects. Throws `SchedulerError`. `leftMs`: what is left of the time to wait for a first answer. */
export async function connectPorts(
  options: ConnectOptions,
): Promise<{ ports: SchedulerPorts; leftMs: () => number }> {
  const identity = identityOf(options.credential);
  if (!identity.ok) throw new SchedulerError(identity.failure);
  const deadlineMs = systemClock.nowMs() + (options.connectTimeoutMs ?? DEFAULT_CONNECT_MS);
  const connections = await openPatiently(identity.value, deadlineMs);
  const leftMs = (): number => Math.max(deadlineMs - systemClock.nowMs(), MIN_LEFT_MS);
  return { ports: natsPorts(identity.value, connections), leftMs };
}

/** `identity` is a principal's. */
function natsPorts(identity: Identity, connections: Connections): SchedulerPorts {
  const { cluster } = identity;
  const { control, own } = connections;
  keepTogether(control, own);
  const principal = PrincipalName.parse(identity.actor.id);
  return {
    cluster,
    principal,
    clock: systemTime,
    openBus: (listener) => {
      for (const one of [control, own]) {
        watchConnection(one, (notice) => tellSlowRead(notice, listener));
      }
      const bus = new NatsBus({
        connection: control,
        cluster,
        onConnectedChange: listener.onConnectedChange,
        onTrouble: (trouble) => tellTrouble(trouble, listener),
        onClosed: listener.onClosed,
      });
      // A session needs no presence of a leader: it is how a server shows that it is not cut off from the others.
      bus.subscribe(wildcardOf(SUBJECTS.presence, cluster), () => undefined);
      leaveWhenUnled(bus, identity);
      return bus;
    },
    openUpdates: (options) => {
      const consumer = new UpdateConsumer({ connection: own, cluster, ...options });
      consumer.start();
      return consumer;
    },
    openBucket: () => openWorkBucket(own, cluster, principal),
    randomToken: randomNonce,
    warn: (error) => process.emitWarning(error),
    close: () => own.close(),
  };
}

function tellTrouble(trouble: BusTrouble, { onTrouble }: BusListener): void {
  switch (trouble.kind) {
    case 'handlerFailed':
      onTrouble(asError(trouble.error));
      break;
    case 'steeredReply':
      onTrouble(new Error(`an answer was steered to ${trouble.reply}`));
      break;
    case 'unsent':
      onTrouble(new Error(`the NATS server takes nothing: ${trouble.pendingBytes} bytes wait`));
      break;
    case 'notPermitted':
    case 'serverError':
      onTrouble(new Error(trouble.message));
      break;
  }
}

/** Other losses mend by themselves and are nothing that a scheduler's author could do something about. */
function tellSlowRead(notice: ConnectionNotice, { onTrouble }: BusListener): void {
  if (notice.kind !== 'lost' || notice.why !== 'slowRead') return;
  onTrouble(new Error(describeNotice(notice)));
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error));
