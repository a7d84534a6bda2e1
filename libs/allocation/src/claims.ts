// Owns for whom what comes back on an agent is kept: while tasks of it are being taken back, only those for whom they are
// taken are offered anything of it. Otherwise whoever is next would get the first of several that come back, and as many
// would be taken again. The choice of the tasks has counted what was free there, too (victims.ts).
import type { Fact } from '@parley/protocol/allocation';
import { type AgentId, type FrameworkKey, frameworkKey, taskKey } from '@parley/protocol/ids';

type FactOf<Kind extends Fact['kind']> = Extract<Fact, { kind: Kind }>;
type Claim = {
  readonly agentId: AgentId;
  readonly framework: FrameworkKey;
  readonly role: string;
};
/** A framework in a role. */
type Claimant = { readonly framework: { readonly key: FrameworkKey }; readonly role: string };

export class Claims {
  readonly #byTask = new Map<string, Claim>();
  readonly #ofAgent = new Map<AgentId, Claim[]>();

  begun({ task, agentId, beneficiary }: FactOf<'revoking'>): void {
    this.over({ kind: 'revoked', task });
    const { framework, role } = beneficiary;
    const claim = { agentId, framework: frameworkKey(framework), role };
    this.#byTask.set(taskKey(task), claim);
    this.#ofAgent.set(agentId, [...(this.#ofAgent.get(agentId) ?? []), claim]);
  }

  /** The value: the agent, where something of it was claimed. */
  over({ task }: FactOf<'revoked'>): AgentId | undefined {
    const key = taskKey(task);
    const claim = this.#byTask.get(key);
    if (claim === undefined) return undefined;
    this.#byTask.delete(key);
    const others = (this.#ofAgent.get(claim.agentId) ?? []).filter((one) => one !== claim);
    if (others.length > 0) this.#ofAgent.set(claim.agentId, others);
    else this.#ofAgent.delete(claim.agentId);
    return claim.agentId;
  }

  /** Whether what is free on the agent is kept, and for somebody else. */
  keepFrom(agentId: AgentId, { framework, role }: Claimant): boolean {
    const claims = this.#ofAgent.get(agentId);
    if (claims === undefined) return false;
    return !claims.some((one) => one.framework === framework.key && one.role === role);
  }
}
