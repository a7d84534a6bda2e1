import { succeed } from '@parley/protocol/errors';
import { ActorId, ClusterName } from '@parley/protocol/ids';
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import type { LogLevel } from '@parley/protocol/operators';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, it } from 'vitest';
import type { Bus, BusMessage } from './bus.ts';
import { answerLogLevel } from './log-level-control.ts';

const cluster = ClusterName.parse('c1');
const actor = { kind: 'master', id: ActorId.parse('master-1') } as const;
const own = { actorKind: 'master', actorId: actor.id };

/** Asks the control for a change; gives the answer and the level that the service has afterwards. */
function ask(bytes: Uint8Array) {
  let level: LogLevel = 'info';
  let answered: Uint8Array | undefined;
  const { subject } = encodeMessage(SUBJECTS.logLevel, cluster, own, { level: 'info' });
  const bus: Pick<Bus, 'subscribe'> = {
    subscribe: (pattern, handler) => {
      const respond: BusMessage['respond'] = (given) => {
        answered = given;
        return succeed(undefined);
      };
      if (pattern === subject) handler({ subject, bytes, respond });
      return { close: () => undefined };
    },
  };
  const change = (wanted: LogLevel): LogLevel => {
    const previous = level;
    level = wanted;
    return previous;
  };
  answerLogLevel(bus, { cluster, actor, change });
  return { level, answer: answered && decodeAnswer(SUBJECTS.logLevel, answered) };
}

it('the level changes on request, and the answer names the one before', () => {
  const { level, answer } = ask(
    encodeMessage(SUBJECTS.logLevel, cluster, own, { level: 'debug' }).bytes,
  );
  expect(level).toBe('debug');
  expect(answer).toMatchObject({
    ok: true,
    value: { answer: { ok: true, value: { previous: 'info', level: 'debug' } } },
  });
});

it('a malformed request changes nothing and is answered', () => {
  const { level, answer } = ask(new Uint8Array([1, 2, 3]));
  expect(level).toBe('info');
  expect(answer).toMatchObject({
    ok: true,
    value: { answer: { ok: false, failure: { code: 'malformed' } } },
  });
});
