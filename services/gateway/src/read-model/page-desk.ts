// Owns the pages that are dear on a large cluster, each kept for a moment, and the JSON of agents that they share.
import { systemTimers } from '@parley/actor/nats/system-clock';
import type { GatewayConfig } from '../config.ts';
import type { FollowedCluster } from '../live-cluster.ts';
import { agentPage } from './agent-model.ts';
import { AgentTexts } from './agent-texts.ts';
import { CachedPage } from './cached-page.ts';
import { flagsOf } from './flags-page.ts';
import { metricsOf } from './metrics-page.ts';
import type { Model } from './model.ts';
import { bytesOf, type PageText } from './page-text.ts';
import {
  frameworksText,
  prepareTasks,
  showSummary,
  slavesText,
  stateText,
  summaryText,
} from './state-pages.ts';

type Surroundings = {
  readonly live: Pick<FollowedCluster, 'followed' | 'onEvent' | 'onReset'>;
  readonly config: Pick<GatewayConfig, 'usersFile'>;
  /** Never goes back, in milliseconds. */
  readonly nowMs: () => number;
  readonly model: () => Model;
};

export class PageDesk {
  readonly #context: Surroundings;
  readonly #full = new AgentTexts(agentPage);
  readonly #short = new AgentTexts(showSummary);
  readonly state: CachedPage;
  readonly summary: CachedPage;
  readonly slaves: CachedPage;
  readonly frameworks: CachedPage;

  constructor(context: Surroundings) {
    this.#context = context;
    for (const texts of [this.#full, this.#short]) {
      context.live.onEvent(({ event }) => texts.happened(event));
      context.live.onReset(() => texts.forget());
    }
    const full = { agents: this.#full };
    this.state = this.#page({ ...full, tasks: true }, (model) =>
      stateText(model, this.#full, flagsOf(model, context.config)),
    );
    this.slaves = this.#page(full, (model) => slavesText(model, this.#full));
    this.summary = this.#page({ agents: this.#short }, (model) => summaryText(model, this.#short));
    this.frameworks = this.#page({ tasks: true }, (model) => frameworksText(model));
  }

  /** Makes ahead, in pieces, what whoever asks first would wait for: on a large cluster a second and more. */
  warm(): Promise<void> {
    return this.state.rehearse();
  }

  metrics(nowWallMs: number): Record<string, number> {
    return metricsOf(this.#context.model(), nowWallMs);
  }

  /** `ahead`: what of it is made in pieces, before. */
  #page(
    ahead: { readonly agents?: AgentTexts; readonly tasks?: boolean },
    show: (model: Model) => PageText,
  ): CachedPage {
    const { live, nowMs, model } = this.#context;
    return new CachedPage({
      nowMs,
      sequence: () => live.followed.sequence,
      make: async () => {
        const keys = [...live.followed.state.agents.keys()];
        await ahead.agents?.prepare(model, keys, systemTimers.yieldToOthers);
        if (ahead.tasks === true)
          await prepareTasks(() => model().state, systemTimers.yieldToOthers);
        // From here on in one go, so that all of it is of one moment.
        const { sequence } = live.followed;
        const text = show(model());
        return { bytes: await bytesOf(text), sequence };
      },
    });
  }
}
