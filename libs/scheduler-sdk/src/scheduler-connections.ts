// Owns a scheduler's two connections, and the error that says why there is no place on a cluster (any more).
import { setTimeout as wait } from 'node:timers/promises';
import type { Identity } from '@parley/actor/nats/credential-file';
import { openConnection } from '@parley/actor/nats/open-connection';
import { systemClock } from '@parley/actor/nats/system-clock';
import { type Failure, type Outcome, succeed } from '@parley/protocol/errors';
import type { NatsConnection } from 'nats';

/** `failure` says what went wrong and what to do. */
export class SchedulerError extends Error {
  override readonly name = 'SchedulerError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export type Connections = {
  /** For messages. */
  readonly control: NatsConnection;
  /** To the principal's own account: its updates and objects. */
  readonly own: NatsConnection;
};

/** Fails as `openConnection` does. */
async function openBoth(identity: Identity): Promise<Outcome<Connections>> {
  const control = await openConnection(identity);
  if (!control.ok) return control;
  const own = await openConnection(identity, 'work');
  if (own.ok) return succeed({ control: control.value, own: own.value });
  await control.value.close();
  return own;
}

export function unreachableCluster(failure: Failure): SchedulerError {
  const advice =
    'Check that the cluster runs (npx parley status) and that the credential is of this cluster.';
  return new SchedulerError({ code: failure.code, message: `${failure.message}. ${advice}` });
}

const CONNECT_RETRY_MS = 500;

/** Tries again until there is a cluster or the time is over. Throws `SchedulerError`. */
export async function openPatiently(identity: Identity, deadlineMs: number): Promise<Connections> {
  for (;;) {
    const connections = await openBoth(identity);
    if (connections.ok) return connections.value;
    const isOver = systemClock.nowMs() + CONNECT_RETRY_MS > deadlineMs;
    if (connections.failure.code !== 'unavailable' || isOver)
      throw unreachableCluster(connections.failure);
    await wait(CONNECT_RETRY_MS);
  }
}
