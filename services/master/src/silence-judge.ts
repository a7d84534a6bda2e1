// Owns proposing the verdicts "this framework's session is silent" and "this agent is silent".
import type { Input } from '@parley/cluster/inputs';
import type { Outcome } from '@parley/protocol/errors';
import { type AgentId, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';
import type { ClusterView, RegisteredAgent, SubscribedFramework } from './cluster-view.ts';
import { SilenceWatch } from './silence-watch.ts';

export class SilenceJudge {
  readonly #view: ClusterView;
  readonly #submit: (input: Input) => Outcome<undefined>;
  readonly #frameworks = new SilenceWatch();
  readonly #agents = new SilenceWatch();

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

  /** Looks at everybody; call it about once a second. */
  judge(nowMs: number): void {
    const settings = this.#view.settings();
    const sessions = new Map<string, SubscribedFramework>();
    for (const one of this.#view.subscribedFrameworks())
      sessions.set(sessionKey(one.ref, one.session), one);
    for (const [key, one] of this.#frameworks.silent(
      sessions,
      settings.frameworkSilenceMs,
      nowMs,
    )) {
      const verdict: Input = { kind: 'frameworkSilent', framework: one.ref, session: one.session };
      if (!this.#submit(verdict).ok) this.#frameworks.retract(key);
    }
    const agents = new Map<string, RegisteredAgent>();
    for (const one of this.#view.registeredAgents()) agents.set(one.agentId, one);
    for (const [key, one] of this.#agents.silent(agents, settings.agentSilenceMs, nowMs)) {
      const verdict: Input = {
        kind: 'agentSilent',
        agentId: one.agentId,
        registration: one.registration,
      };
      if (!this.#submit(verdict).ok) this.#agents.retract(key);
    }
  }
}

const sessionKey = (framework: FrameworkRef, session: number): string =>
  `${frameworkKey(framework)}#${session}`;
