// Owns for whom what comes back on an agent is kept: while tasks of it are being taken back, only those for whom they are
// taken are offered anything of it. Otherwise whoever is next would get the first of several that come back, and as many
// would be taken again. The choice of the tasks has counted what was free there, too (victims.ts).
import type { Fact } from '@parley/protocol/allocation';
import { type AgentId, type FrameworkKey, frameworkKey, taskKey } from '@parley/protocol/ids';

type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;
type Keeping = {
  readonly agentId: AgentId;
  readonly framework: FrameworkKey;
  readonly role: string;
};
/** A framework in a role. */
type Client = { readonly framework: { readonly key: FrameworkKey }; readonly role: string };

export class KeptAgents {
  readonly #byTask = new Map<string, Keeping>();
  readonly #ofAgent = new Map<AgentId, Keeping[]>();

  begun({ task, agentId, beneficiary }: FactOf<'revoking'>): void {
    this.over({ kind: 'revoked', task });
    const { framework, role } = beneficiary;
    const keeping = { agentId, framework: frameworkKey(framework), role };
    this.#byTask.set(taskKey(task), keeping);
    this.#ofAgent.set(agentId, [...(this.#ofAgent.get(agentId) ?? []), keeping]);
  }

  /** The value: the agent, if it was kept because of this task. */
  over({ task }: FactOf<'revoked'>): AgentId | undefined {
    const key = taskKey(task);
    const keeping = this.#byTask.get(key);
    if (keeping === undefined) return undefined;
    this.#byTask.delete(key);
    const others = (this.#ofAgent.get(keeping.agentId) ?? []).filter((one) => one !== keeping);
    if (others.length > 0) this.#ofAgent.set(keeping.agentId, others);
    else this.#ofAgent.delete(keeping.agentId);
    return keeping.agentId;
  }

  /** Whether what is free on the agent is kept, and for somebody else. */
  isKeptFrom(agentId: AgentId, { framework, role }: Client): boolean {
    const keepings = this.#ofAgent.get(agentId);
    if (keepings === undefined) return false;
    return !keepings.some((one) => one.framework === framework.key && one.role === role);
  }
}
