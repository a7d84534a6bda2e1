// Owns what is being taken back, and for whom what comes back on an agent is kept: while tasks of it are being taken back,
// only those for whom they are taken are offered anything of it, and when the last has ended these come first, once.
// Otherwise whoever is next would get what comes back, by his share, and as much would be taken again, without end. The
// choice of the tasks has counted what was free there, too (victims.ts).
import type { Fact } from '@parley/protocol/allocation';
import { type AgentId, type FrameworkKey, frameworkKey, taskKey } from '@parley/protocol/ids';

type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;
type Revoking = FactOf<'revoking'>;
/** A framework in a role. */
type Client = { readonly framework: { readonly key: FrameworkKey }; readonly role: string };

const NOTHING: readonly Revoking[] = [];

export class KeptAgents {
  readonly #byTask = new Map<string, Revoking>();
  readonly #ofAgent = new Map<AgentId, readonly Revoking[]>();
  /** Over, and not offered to anybody since. */
  readonly #due = new Map<AgentId, readonly Revoking[]>();

  begun(fact: Revoking): void {
    this.over({ kind: 'revoked', task: fact.task });
    this.#byTask.set(taskKey(fact.task), fact);
    this.#ofAgent.set(fact.agentId, [...this.#on(fact.agentId), fact]);
  }

  /** The value: the agent, if it was kept because of this task. */
  over({ task }: FactOf<'revoked'>): AgentId | undefined {
    const key = taskKey(task);
    const coming = this.#byTask.get(key);
    if (coming === undefined) return undefined;
    this.#byTask.delete(key);
    const { agentId } = coming;
    const others = this.#on(agentId).filter((one) => one !== coming);
    if (others.length > 0) this.#ofAgent.set(agentId, others);
    else this.#ofAgent.delete(agentId);
    this.#due.set(agentId, [...(this.#due.get(agentId) ?? NOTHING), coming]);
    return agentId;
  }

  /** Those for whom something has come back have been asked. The value: whether there were any. */
  letGo(agentId: AgentId): boolean {
    return this.#due.delete(agentId);
  }

  /** What comes back, in the order in which that began. */
  comingBack(): Iterable<Revoking> {
    return this.#byTask.values();
  }

  get size(): number {
    return this.#byTask.size;
  }

  /** Whether what is free on the agent is kept, and for somebody else. */
  isKeptFrom(agentId: AgentId, { framework, role }: Client): boolean {
    const [underWay, due] = [this.#ofAgent.get(agentId), this.#due.get(agentId)];
    if (underWay === undefined && due === undefined) return false;
    const isFor = ({ beneficiary }: Revoking): boolean =>
      beneficiary.role === role && frameworkKey(beneficiary.framework) === framework.key;
    return underWay?.some(isFor) !== true && due?.some(isFor) !== true;
  }

  /** Likewise, and beyond the next decision: tasks are still being taken back. */
  staysKeptFrom(agentId: AgentId, client: Client): boolean {
    return this.#ofAgent.has(agentId) && this.isKeptFrom(agentId, client);
  }

  #on(agentId: AgentId): readonly Revoking[] {
    return this.#ofAgent.get(agentId) ?? NOTHING;
  }
}
