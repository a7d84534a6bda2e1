// Owns a gateway in this process over a scripted history, without a bus and without a cluster: everything that it serves is
// its own code, what it follows is the script. It tests nothing itself.
import type { AddressInfo } from 'node:net';
import type { ClusterEvent } from '@parley/cluster/events';
import { eventsOf } from '@parley/cluster/scripted-cluster';
import { openAccess } from '@parley/gateway/access/open-access';
import { signInRoutes } from '@parley/gateway/access/sign-in-routes';
import { readGatewayConfig } from '@parley/gateway/config';
import type { GatewayContext } from '@parley/gateway/gateway-context';
import { makeServer } from '@parley/gateway/http-server';
import { PrincipalDirectory } from '@parley/gateway/principal-directory';
import { addRoutes } from '@parley/gateway/routes';
import { SlowReaders } from '@parley/gateway/slow-readers';
import { StartUp } from '@parley/gateway/start-up';
import { UsageBoard } from '@parley/gateway/usage-board';
import type { NumberedEvent } from '@parley/operator-sdk/operator-link';
import { type Outcome, succeed } from '@parley/protocol/errors';
import { ClusterName, PrincipalName } from '@parley/protocol/ids';
import type { ReplyOf, SubjectEntry } from '@parley/protocol/subject-entry';
import { assert } from '@parley/protocol/unreachable';
import type { ScriptedHistory } from '@parley/replay/scripted-history';
import { createLogger } from '@parley/telemetry/logger';

type Effects = Parameters<typeof eventsOf>[0];
type TestedEvent = Pick<ClusterEvent, 'type'> & Readonly<Record<string, unknown>>;

const NO_REASONS = { agents: 0, openAgents: 0, clients: [] };
const NO_FILES = { kind: 'list', entries: [], isCut: false };
const A_LINE = { data: Buffer.from('a line'), offset: 0, size: 6, ended: true };

export class ScriptedGateway {
  /** What the leader and agents answer, whatever they are asked. */
  answer: Outcome<unknown> = succeed({ ...NO_REASONS, ...NO_FILES, ...A_LINE });
  readonly #history: ScriptedHistory;
  readonly #tell = new Set<(event: NumberedEvent) => void>();
  readonly #server = makeServer();
  #sequence = 0;

  constructor(history: ScriptedHistory) {
    this.#history = history;
    this.#server.register(signInRoutes({ access: openAccess, known: undefined, isTls: false }));
    addRoutes(this.#server, this.#context());
  }

  /** Returns its address, such as `http://127.0.0.1:40123`. */
  async start(): Promise<string> {
    await this.#server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = this.#server.server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  /** Tells what the last entry of the history has done. */
  happened(effects: Effects): void {
    this.#sequence = Math.max(this.#sequence, this.#history.sequence);
    this.#say(eventsOf(effects));
  }

  /** Tells of events that no entry has: pages hear them, the history has none of it. */
  tell(events: readonly TestedEvent[]): void {
    this.#sequence = Math.max(this.#sequence, this.#history.sequence) + 1;
    // What the view folds of them is in them.
    this.#say(events as readonly ClusterEvent[]);
  }

  #say(events: readonly ClusterEvent[]): void {
    const { nowMs } = this.#history;
    const times = { coreTimeMs: nowMs, wallTimeMs: 1_700_000_000_000 + nowMs };
    for (const [index, event] of events.entries()) {
      const numbered = { sequence: this.#sequence, index, ...times, isNew: true, event };
      for (const tell of this.#tell) tell(numbered);
    }
  }

  #context(): GatewayContext {
    const history = this.#history;
    const config = readGatewayConfig({ listen: '127.0.0.1:0' });
    assert(config.ok, 'these options are right');
    const call = async <Entry extends SubjectEntry>(): Promise<Outcome<ReplyOf<Entry>>> =>
      // Each test says what it is, for the one path that it looks at.
      this.answer as Outcome<ReplyOf<Entry>>;
    const logger = createLogger({
      ...{ service: 'gateway', actorId: 'scripted', destination: { write: () => undefined } },
    });
    const nothing = () => undefined;
    const link = {
      ...{ cluster: ClusterName.parse('scripted'), operator: PrincipalName.parse('olga') },
      ...{ call, callLeader: call, onUsage: nothing, onUnitsUsage: nothing, watchUsage: nothing },
      source: () => history.source,
      streams: async () => succeed([]),
    };
    const nowMs = () => performance.now();
    return {
      ...{ config: config.value, access: openAccess, link, nowMs, logger },
      live: this.#live(),
      usage: new UsageBoard(link, nowMs),
      members: { masters: () => [], gateways: () => [] },
      principals: new PrincipalDirectory(undefined, []),
      startUp: new StartUp(logger),
      slowReaders: new SlowReaders(logger, { count: nothing }),
    };
  }

  #live(): GatewayContext['live'] {
    const history = this.#history;
    return {
      get followed() {
        return { cluster: 'scripted', state: history.state, sequence: history.sequence };
      },
      staleMs: () => 0,
      onEvent: (tell) => {
        this.#tell.add(tell);
        return () => this.#tell.delete(tell);
      },
      onReset: () => () => undefined,
    };
  }
}
