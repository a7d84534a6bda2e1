// Owns an emulation as it runs: its connections, its agents and the one timer that wakes them. What an agent does is in
// emulated-agent.ts.
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { logConnection } from '@parley/actor/nats/connection-watch';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { connectUntilStopped } from '@parley/actor/nats/open-connection';
import { leaveWhenUnled } from '@parley/actor/nats/server-watch';
import { systemClock } from '@parley/actor/nats/system-clock';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import { ReportLog } from '../report-log.ts';
import type { Instant } from '../supervisor-messages.ts';
import type { EmulationConfig } from './config.ts';
import { EmulatedAgent } from './emulated-agent.ts';
import { EmulatorBus } from './emulator-bus.ts';
import { LaunchTally } from './launch-tally.ts';
import { SharedReading } from './shared-reading.ts';
import { TICK_MS, TimerWheel } from './timer-wheel.ts';

const LOOK_MS = 250;
const SLICE_MS = 20;
const MIB = 1024 * 1024;

type Member = { readonly agent: EmulatedAgent; readonly bus: EmulatorBus };

export class Emulation {
  readonly #config: EmulationConfig;
  readonly #logger: Logger;
  /** For what each agent says by itself: thousands say the same at once. */
  readonly #agentLogger: Logger;
  readonly #onClosed: (reason: string) => void;
  readonly #wheel = new TimerWheel(systemClock.nowMs());
  readonly #tally = new LaunchTally();
  readonly #reports = new ReportLog();
  readonly #reading = new SharedReading();
  readonly #buses: NatsBus[] = [];
  readonly #members: Member[] = [];
  readonly #timer: NodeJS.Timeout;
  #beganMs = 0;

  /** `onClosed`: the bus accepts this emulation no more. */
  constructor(config: EmulationConfig, logger: Logger, onClosed: (reason: string) => void) {
    this.#config = config;
    this.#logger = logger;
    this.#agentLogger = logger.child({}, { level: 'warn' });
    this.#onClosed = onClosed;
    this.#timer = setInterval(() => this.#advance(), TICK_MS);
  }

  /** Resolves when all agents have begun. Fails as `connectUntilStopped` does. */
  async start(stopping: AbortSignal): Promise<Outcome<undefined>> {
    const { agents, connections, startRate } = this.#config;
    const groups: Member[][] = [];
    for (let index = 0; index < connections; index += 1) {
      const group: Member[] = [];
      const opened = await this.#open(group, stopping);
      if (!opened.ok) return opened;
      groups.push(group);
    }
    const beganMs = systemClock.nowMs();
    this.#beganMs = beganMs;
    for (let index = 0; index < agents; index += 1) {
      const dueMs = beganMs + (index * 1000) / startRate;
      const earlyMs = dueMs - systemClock.nowMs();
      if (earlyMs >= TICK_MS) await wait(earlyMs, undefined, { signal: stopping }).catch(() => {});
      if (stopping.aborted) return fail('unavailable', 'stopped before all agents had begun');
      this.#begin(index, groups[index % connections] ?? []);
    }
    return succeed(undefined);
  }

  /** Resolves when each agent is registered, or at the end. */
  async settled(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted && this.#members.some(({ agent }) => !agent.isRegistered)) {
      await wait(LOOK_MS, undefined, { signal: stopping }).catch(() => undefined);
    }
    if (stopping.aborted) return;
    const { agents, connections } = this.#config;
    const memoryMib = Math.round(process.memoryUsage().rss / MIB);
    const tookMs = Math.round(systemClock.nowMs() - this.#beganMs);
    const told = { agents, connections, memoryMib, tookMs };
    this.#logger.info(told, 'every emulated agent is registered');
  }

  /** Nothing of it is left: the tasks that slept are gone. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const { agent, bus } of this.#members) {
      agent.close();
      bus.close();
    }
    await Promise.all(this.#buses.map((bus) => bus.close()));
    this.#logger.info({ ...this.#tally.counts }, 'launches of emulated agents');
  }

  /** Not longer than a slice: thousands that wake at once must not keep this process from what is said to it. */
  #advance(): void {
    const nowMs = systemClock.nowMs();
    this.#wheel.advance(nowMs, () => systemClock.nowMs() - nowMs < SLICE_MS);
  }

  async #open(group: Member[], stopping: AbortSignal): Promise<Outcome<undefined>> {
    const { identity } = this.#config;
    const opened = await connectUntilStopped(identity, {
      account: 'control',
      stopping,
      onTrouble: ({ message: reason }) => this.#logger.warn({ reason }, 'no bus yet; trying on'),
    });
    if (!opened.ok) return opened;
    logConnection(opened.value, 'control', this.#logger);
    const shared = new NatsBus({
      connection: opened.value,
      cluster: identity.cluster,
      onConnectedChange: (connected) => {
        this.#logger.info(connected ? 'connected to the bus' : 'the bus is away');
        for (const { agent } of group) agent.connectedChanged(connected);
      },
      onTrouble: (trouble) => this.#logger.warn({ trouble }, 'trouble on the bus'),
      onClosed: this.#onClosed,
    });
    leaveWhenUnled(shared, {
      ...identity,
      onLeave: (server) =>
        this.#logger.warn({ server }, 'no leader is heard over this server: another one is tried'),
    });
    this.#buses.push(shared);
    return succeed(undefined);
  }

  #begin(index: number, group: Member[]): void {
    const { identity, idPrefix, total, domain, connections } = this.#config;
    const agentId = AgentId.parse(`${idPrefix}${index + 1}`);
    const shared = this.#buses[index % connections];
    if (shared === undefined) throw new Error('there is no connection');
    const wheel = this.#wheel;
    const session = randomUUID();
    const agent = new EmulatedAgent({
      agentId,
      cluster: identity.cluster,
      host: { hostname: agentId, total, domain, attributes: {} },
      session,
      jitter: Math.random(),
      wheel,
      now,
      tally: this.#tally,
      logger: this.#agentLogger,
      onReport: (about, what) => this.#report(agentId, about, what),
    });
    const bus = new EmulatorBus({
      shared,
      agentId,
      session,
      wheel,
      nowMs: () => systemClock.nowMs(),
    });
    const member = { agent, bus };
    group.push(member);
    this.#members.push(member);
    agent.attach({ bus, requester: bus.requester, read: this.#reading.read });
  }

  #report(agentId: AgentId, about: string, reason: string): void {
    const { isWritten, before } = this.#reports.add(about, systemClock.nowMs());
    for (const leftOut of before) this.#logger.warn(leftOut, 'reports left out');
    if (isWritten) this.#logger.warn({ agentId, about, reason }, 'reported');
  }
}

const now = (): Instant => ({
  nowMs: systemClock.nowMs(),
  wallTimeMs: systemClock.wallTimeMs(),
});
