// Owns the operator's way to change a service's log level while it runs. How a logger changes is the service's.
import type { ActorId, ClusterName } from '@parley/protocol/ids';
import { decodeMessage, encodeAnswer } from '@parley/protocol/message';
import type { LogLevel } from '@parley/protocol/operators';
import { type ActorKind, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { Bus, BusSubscription } from './bus.ts';

export type LogLevelControl = {
  readonly cluster: ClusterName;
  readonly actor: { readonly kind: ActorKind; readonly id: ActorId };
  /** Sets the level and gives the one before. */
  readonly change: (level: LogLevel) => LogLevel;
};

/** Answers `control.log-level` requests to this actor. */
export function answerLogLevel(
  bus: Pick<Bus, 'subscribe'>,
  { cluster, actor, change }: LogLevelControl,
): BusSubscription {
  const own = { actorKind: actor.kind, actorId: actor.id };
  return bus.subscribe(wildcardOf(SUBJECTS.logLevel, cluster, own), (message) => {
    const request = decodeMessage(SUBJECTS.logLevel, cluster, message.subject, message.bytes);
    if (!request.ok) {
      message.respond(encodeAnswer(request));
      return;
    }
    const { level } = request.value.body;
    const previous = change(level);
    message.respond(encodeAnswer({ ok: true, value: { previous, level } }));
  });
}
