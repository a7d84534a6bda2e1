// Owns leaving a server of a NATS cluster that answers nothing although the connection to it stands: those that others wait
// for go to another one before anybody takes them for dead. A server that answers and is cut off from the others is noticed
// by what is asked of JetStream (../lease-holder.ts).
import type { NatsConnection, Server } from 'nats';

const LOOK_MS = 500;
/** Looks of the own timer, not the clock: a process that was held up itself blames nobody. */
const UNANSWERED_LOOKS = 3;

/** @param servers how many the client was told of; with a single one there is nothing to gain */
export function leaveWhenSilent(connection: NatsConnection, servers: number): void {
  let isAsked = false;
  let unanswered = 0;
  const timer = setInterval(() => {
    if (connection.isClosed()) return clearInterval(timer);
    if (!isAsked) {
      isAsked = true;
      unanswered = 0;
      const answered = (): void => {
        isAsked = false;
      };
      // It fails when the connection is lost: then another one is asked.
      connection.flush().then(answered, answered);
      return;
    }
    unanswered += 1;
    const known = Math.max(servers, connection.info?.connect_urls?.length ?? 0);
    if (unanswered % UNANSWERED_LOOKS === 0 && known > 1) leaveServer(connection);
  }, LOOK_MS);
  timer.unref();
}

/** To another one where there is one; what is asked meanwhile fails and is asked again. */
export function leaveServers(...connections: readonly NatsConnection[]): void {
  for (const connection of connections) leaveServer(connection);
}

function leaveServer(connection: NatsConnection): void {
  if (!connection.isClosed() && !connection.isDraining()) void connection.reconnect();
}

/** The client would try the one first that it has just left, where it was the first that it connected to. */
export function leastRecentlyTried(pool: readonly Server[]): Server | null {
  const [first, ...rest] = pool;
  if (first === undefined) return null;
  return rest.reduce((best, one) => (one.lastConnect < best.lastConnect ? one : best), first);
}
