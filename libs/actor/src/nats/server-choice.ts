// Owns which server of a cluster a connection goes to when it has lost or left its own, and keeping two connections of one
// actor on the same one: so what says that this server is cut off from the others, to one of them, speaks for both.
import type { NatsConnection, Server } from 'nats';

/** Behind one address there may be several servers: the same one is not always to be had. */
const MAX_TRIES = 3;

/** Of one connection. */
export class ServerChoice {
  /** Tried next where the client knows it; then any, as ever. */
  wanted: string | undefined;

  choose(pool: readonly Server[]): Server | null {
    const { wanted } = this;
    this.wanted = undefined;
    return pool.find(({ listen }) => listen === wanted) ?? leastRecentlyTried(pool);
  }
}

const choices = new WeakMap<NatsConnection, ServerChoice>();

/** From now on `keepTogether` can lead it. */
export function hasChoice(connection: NatsConnection, choice: ServerChoice): void {
  choices.set(connection, choice);
}

/** Wherever `lead` goes, `companion` goes after it. */
export function keepTogether(lead: NatsConnection, companion: NatsConnection): void {
  let leadAt: string | undefined;
  let tries = 0;
  const follow = (): void => {
    if (lead.isClosed()) return;
    const { info } = lead;
    if (info?.server_id !== leadAt) tries = 0;
    leadAt = info?.server_id;
    if (leadAt === undefined || companion.info?.server_id === leadAt || tries >= MAX_TRIES) return;
    tries += 1;
    const choice = choices.get(companion);
    if (choice !== undefined) choice.wanted = lead.getServer();
    leaveServer(companion);
  };
  const watch = async (connection: NatsConnection): Promise<void> => {
    for await (const { type } of connection.status()) {
      if (companion.isClosed()) return;
      if (type === 'reconnect') follow();
    }
  };
  void watch(lead);
  void watch(companion);
  follow();
}

/** To another one where there is one; what is asked meanwhile fails and is asked again. */
export function leaveServer(connection: NatsConnection): void {
  if (!connection.isClosed() && !connection.isDraining()) void connection.reconnect();
}

/** The client would try the one first that it has just left, where it was the first that it connected to. */
export function leastRecentlyTried(pool: readonly Server[]): Server | null {
  const [first, ...rest] = pool;
  if (first === undefined) return null;
  return rest.reduce((best, one) => (one.lastConnect < best.lastConnect ? one : best), first);
}
