// Owns proposing the verdicts "this framework's session is silent" and "this agent is silent". Agents are looked at in
// slices, and given up no faster than the settings say: when a switch fails, or thousands flap, the books and the
// frameworks hear of it at a pace at which the rest of the cluster does not notice. Who is heard meanwhile is not given up.
// Mesos docs, "--agent_removal_rate_limit"; there it is off by default.
import type { ClusterSettings, Input } from '@parley/cluster/inputs';
import type { Outcome } from '@parley/protocol/errors';
import { type AgentId, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { ClusterView, RegisteredAgent, SubscribedFramework } from './cluster-view.ts';
import { SilenceRound } from './silence-round.ts';
import { SilenceWatch } from './silence-watch.ts';
import { TokenBucket } from './token-bucket.ts';

/** Agents that are looked at in one go, twenty times a second: 50,000. */
const AGENTS_A_SLICE = 2500;
const SLICE_INTERVAL_MS = 50;
/** By default so many agents a second are given up, or this share of all where that is more. */
const REMOVALS_PER_SECOND = 20;
const REMOVALS_SHARE = 0.01;

export type WaitingSummary = { readonly waiting: number; readonly perSecond: number };

export class SilenceJudge {
  readonly #view: ClusterView;
  readonly #submit: (input: Input) => Outcome<undefined>;
  readonly #frameworks = new SilenceWatch();
  readonly #agents = new SilenceRound<AgentId, RegisteredAgent>(AGENTS_A_SLICE);
  readonly #removals = new TokenBucket();
  #wasHeldBack = false;
  #sliceDueMs = Number.NEGATIVE_INFINITY;

  constructor(view: ClusterView, submit: (input: Input) => Outcome<undefined>) {
    this.#view = view;
    this.#submit = submit;
  }

  frameworkHeard(framework: FrameworkRef, session: number, nowMs: number): void {
    this.#frameworks.heard(sessionKey(framework, session), nowMs);
  }

  agentHeard(agentId: AgentId, nowMs: number): void {
    this.#agents.heard(agentId, nowMs);
  }

  /** Looks at every framework; call it about once a second. */
  judgeFrameworks(nowMs: number): void {
    const { frameworkSilenceMs } = this.#view.settings();
    const sessions = new Map<string, SubscribedFramework>();
    for (const one of this.#view.subscribedFrameworks())
      sessions.set(sessionKey(one.ref, one.session), one);
    for (const [key, one] of this.#frameworks.silent(sessions, frameworkSilenceMs, nowMs)) {
      const verdict: Input = { kind: 'frameworkSilent', framework: one.ref, session: one.session };
      if (!this.#submit(verdict).ok) this.#frameworks.retract(key);
    }
  }

  /** Looks at some agents, the next ones each time, and gives up as many as may be by now. Call it as often as you like. */
  judgeAgents(nowMs: number): void {
    if (nowMs < this.#sliceDueMs) return;
    this.#sliceDueMs = nowMs + SLICE_INTERVAL_MS;
    const settings = this.#view.settings();
    const perSecond = removalsPerSecond(settings, this.#view.registeredAgentCount());
    this.#removals.refill(perSecond, nowMs);
    this.#agents.look(() => this.#view.registeredAgents(), settings.agentSilenceMs, nowMs);
    while (this.#removals.has(1)) {
      const agent = this.#agents.takeSilent((agentId) => this.#view.registrationOf(agentId));
      if (agent === undefined) return;
      const { agentId, registration } = agent;
      if (!this.#submit({ kind: 'agentSilent', agentId, registration }).ok) {
        this.#agents.putBack(agent);
        return;
      }
      this.#removals.take(1);
    }
  }

  /** Once, when agents begin to wait for their removal: for the log. */
  takeHeldBack(): WaitingSummary | undefined {
    const waiting = this.#agents.waiting;
    const wasHeldBack = this.#wasHeldBack;
    this.#wasHeldBack = waiting > 0;
    if (waiting === 0 || wasHeldBack) return undefined;
    const perSecond = removalsPerSecond(this.#view.settings(), this.#view.registeredAgentCount());
    return { waiting, perSecond };
  }
}

/** The setting, else the larger of a count and a share of all. */
export function removalsPerSecond(
  { agentRemovalsPerSecond }: Pick<ClusterSettings, 'agentRemovalsPerSecond'>,
  registeredAgents: number,
): number {
  return (
    agentRemovalsPerSecond ??
    Math.max(REMOVALS_PER_SECOND, Math.ceil(registeredAgents * REMOVALS_SHARE))
  );
}

const sessionKey = (framework: FrameworkRef, session: number): string =>
  `${frameworkKey(framework)}#${session}`;
