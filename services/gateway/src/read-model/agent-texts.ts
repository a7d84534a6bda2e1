// Owns the JSON of each agent as it stood last: on a large cluster little changes between two looks, and what has not
// changed is not made again. Events say what has; a record that was replaced says so too.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { ClusterEvent } from '@parley/cluster/events';
import type { AgentRecord } from '@parley/cluster/records';
import type { Model } from './model.ts';

type Text = {
  readonly json: string;
  readonly record: AgentRecord;
  /** Reservations of the agent; their records are replaced when they change. */
  readonly reservations: readonly unknown[];
};

/** Agents that are made JSON of without a pause. */
export const AGENTS_AT_ONCE = 100;

export class AgentTexts {
  readonly #show: (model: Model, agent: AgentRecord) => object;
  readonly #texts = new Map<string, Text>();

  constructor(show: (model: Model, agent: AgentRecord) => object) {
    this.#show = show;
  }

  /** Each event once, after what it tells of is in the state. */
  happened(event: ClusterEvent): void {
    if ('agentId' in event) this.#texts.delete(event.agentId);
    if ('agents' in event) for (const agentId of event.agents) this.#texts.delete(agentId);
  }

  /** Nothing of before is to be trusted. */
  forget(): void {
    this.#texts.clear();
  }

  /** Makes what is to be made of these agents in pieces, so that little is left for `of`. */
  async prepare(
    model: () => Model,
    keys: readonly string[],
    pause: () => Promise<void>,
  ): Promise<void> {
    let made = 0;
    for (const key of keys) {
      const now = model();
      const agent = now.state.agents.get(key);
      if (agent === undefined || this.#known(now.state, agent) !== undefined) continue;
      this.of(now, agent);
      made += 1;
      if (made % AGENTS_AT_ONCE === 0) await pause();
    }
    if (this.#texts.size > 2 * keys.length + AGENTS_AT_ONCE) this.forget();
  }

  of(model: Model, agent: AgentRecord): string {
    const known = this.#known(model.state, agent);
    if (known !== undefined) return known;
    const json = JSON.stringify(this.#show(model, agent));
    const reservations = reservationsOf(model.state, agent);
    this.#texts.set(agent.agentId, { json, record: agent, reservations });
    return json;
  }

  #known(state: ClusterState, agent: AgentRecord): string | undefined {
    const text = this.#texts.get(agent.agentId);
    if (text === undefined || text.record !== agent) return undefined;
    const now = reservationsOf(state, agent);
    const isSame =
      now.length === text.reservations.length &&
      now.every((record, index) => record === text.reservations[index]);
    return isSame ? text.json : undefined;
  }
}

const NONE: readonly unknown[] = [];

function reservationsOf(state: ClusterState, { agentId }: AgentRecord): readonly unknown[] {
  const keys = state.books.agents.get(agentId)?.reservations;
  return keys === undefined || keys.size === 0
    ? NONE
    : [...keys].map((key) => state.reservations.get(key));
}
