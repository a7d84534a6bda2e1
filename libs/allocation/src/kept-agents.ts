// Owns for whom what comes back on an agent is kept: while tasks of it are being taken back, only those for whom they are
// taken are offered anything of it, and when the last has ended these come first, once. Otherwise whoever is next would get
// what comes back, by his share, and as much would be taken again, without end. The choice of the tasks has counted what
// was free there, too (victims.ts).
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
  readonly #ofAgent = new Map<AgentId, readonly Keeping[]>();
  /** Over, and not offered to anybody since. */
  readonly #due = new Map<AgentId, readonly Keeping[]>();

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
    const { agentId } = keeping;
    const others = (this.#ofAgent.get(agentId) ?? []).filter((one) => one !== keeping);
    if (others.length > 0) this.#ofAgent.set(agentId, others);
    else this.#ofAgent.delete(agentId);
    this.#due.set(agentId, [...(this.#due.get(agentId) ?? []), keeping]);
    return agentId;
  }

  /** Those for whom something has come back have been asked. The value: whether there were any. */
  letGo(agentId: AgentId): boolean {
    return this.#due.delete(agentId);
  }

  /** Whether what is free on the agent is kept, and for somebody else. */
  isKeptFrom(agentId: AgentId, { framework, role }: Client): boolean {
    const [underWay, due] = [this.#ofAgent.get(agentId), this.#due.get(agentId)];
    if (underWay === undefined && due === undefined) return false;
    const isFor = (one: Keeping): boolean => one.framework === framework.key && one.role === role;
    return underWay?.some(isFor) !== true && due?.some(isFor) !== true;
  }
}
