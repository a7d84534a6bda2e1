// Owns leaving a server of a NATS cluster that answers nothing although the connection to it stands, before anybody takes
// those for dead that others wait for; and one over which no leader is heard. Masters and allocators notice a server that
// answers and is cut off from the others by what they ask of JetStream (../lease-holder.ts).
import type { ClusterName } from '@parley/protocol/ids';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { NatsConnection } from 'nats';
import { LOOK_MS, SilentServer } from '../silent-server.ts';
import { UnledWatch } from '../unled-watch.ts';
import type { NatsBus } from './nats-bus.ts';
import { leaveServer } from './server-choice.ts';

/** The same of another watch, which has longer. */
const UNLED_LOOK_MS = 1000;

/** @param servers how many the client was told of; with a single one there is nothing to gain */
export function leaveWhenSilent(connection: NatsConnection, servers: number): void {
  const server = new SilentServer();
  let isAsked = false;
  let heardBytes = 0;
  const timer = setInterval(() => {
    if (connection.isClosed()) return clearInterval(timer);
    const { inBytes } = connection.stats();
    const hasHeard = inBytes > heardBytes;
    heardBytes = inBytes;
    if (isAsked) {
      // The answer comes behind all that the server has sent before.
      const isLeft = server.look(performance.now(), hasHeard);
      if (isLeft && knownServers(connection, servers) > 1) leaveServer(connection);
      return;
    }
    if (knownServers(connection, servers) <= 1) return;
    isAsked = true;
    server.asked(performance.now());
    const over = (): void => {
      isAsked = false;
    };
    // It fails when the connection is lost: then another one is asked.
    connection.flush().then(() => {
      server.answered();
      over();
    }, over);
  }, LOOK_MS);
  timer.unref();
}

/** Of which nobody is asked anything: agents, and frameworks, that hear no leader. */
export type UnledOptions = {
  readonly cluster: ClusterName;
  /** As the client was told. */
  readonly servers: readonly string[];
  /** No leader was heard for long: this server is left. */
  readonly onLeave?: (server: string) => void;
};

/** The holder of the bus subscribes to the leader's presence itself. */
export function leaveWhenUnled(bus: NatsBus, { cluster, servers, onLeave }: UnledOptions): void {
  const watch = new UnledWatch(Math.random);
  const presence = wildcardOf(SUBJECTS.presence, cluster);
  const { connection } = bus;
  bus.watchDeliveries((subject) => {
    if (subject === presence) watch.heard();
  });
  const timer = setInterval(() => {
    if (connection.isClosed()) return clearInterval(timer);
    const others = knownServers(connection, servers.length) - 1;
    if (!bus.connected || !watch.look(UNLED_LOOK_MS, others)) return;
    onLeave?.(connection.getServer());
    leaveServer(connection);
  }, UNLED_LOOK_MS);
  timer.unref();
}

/** Several at once. A server that stands alone is not left: there is none to go to, and what is under way would be lost. */
export function leaveServers(...connections: readonly NatsConnection[]): void {
  for (const connection of connections) {
    if (connection.info?.cluster !== undefined) leaveServer(connection);
  }
}

const knownServers = (connection: NatsConnection, servers: number): number =>
  Math.max(servers, connection.info?.connect_urls?.length ?? 0);
