// Owns saying what becomes of each connection of a process: lost, why, back again, how often. What it means is in
// ../connection-losses.ts.
import type { NatsConnection } from 'nats';
import { ConnectionLosses, type ConnectionNotice, describeNotice } from '../connection-losses.ts';
import { HoldUps } from '../hold-ups.ts';

const LOOK_MS = 250;

let holdUps: HoldUps | undefined;

/** One timer for all connections of the process. */
function holdUpsOfProcess(): HoldUps {
  if (holdUps !== undefined) return holdUps;
  const made = new HoldUps(performance.now());
  setInterval(() => made.look(performance.now()), LOOK_MS).unref();
  holdUps = made;
  return made;
}

/** `onNotice` is told until the connection is closed. */
export function watchConnection(
  connection: NatsConnection,
  onNotice: (notice: ConnectionNotice) => void,
): void {
  const ofProcess = holdUpsOfProcess();
  const losses = new ConnectionLosses();
  const watch = async (): Promise<void> => {
    for await (const status of connection.status()) {
      const nowMs = performance.now();
      const notice = losses.noticed(status, { nowMs, heldUpMs: ofProcess.latestMs(nowMs) });
      if (notice !== undefined) onNotice(notice);
    }
  };
  void watch();
}

type NoticeLog = Record<'info' | 'warn', (fields: object, message: string) => void>;

/** Likewise, with a line for each. `account`: which of the process's connections it is. */
export function logConnection(
  connection: NatsConnection,
  account: 'control' | 'books' | 'work',
  logger: NoticeLog,
): void {
  watchConnection(connection, (notice) => {
    const { kind, counts, ...rest } = notice;
    const level = kind === 'lost' ? 'warn' : 'info';
    logger[level]({ account, ...rest, ...counts }, describeNotice(notice));
  });
}
