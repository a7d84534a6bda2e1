// Owns what an entry has changed for the allocator, until `finish` turns it into one facts message.
// Figures are marked, and read at the end; what happened (refused, left unused, filters cleared) keeps its order.
import type { Fact } from '@parley/protocol/allocation';
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type RoleName,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';

/** Facts that are no figures: two of them do not replace each other. */
export type Happened = Extract<Fact, { kind: 'filtersCleared' | 'refused' | 'leftUnused' }>;

export class FactMarks {
  readonly agents = new Set<AgentId>();
  readonly freeAgents = new Set<AgentId>();
  readonly frameworks = new Map<string, FrameworkRef>();
  readonly usages = new Map<
    string,
    { readonly framework: FrameworkRef; readonly role: RoleName }
  >();
  readonly roleShares = new Set<RoleName>();
  readonly frameworkShares = new Map<string, FrameworkRef>();
  readonly outstanding = new Map<string, FrameworkRef>();
  readonly revocations = new Map<string, TaskRef>();
  happened: Happened[] = [];
  hasNewSettings = false;
  decided: number | undefined;

  /** It came, left, or what it is has changed. */
  agent(agentId: AgentId): void {
    this.agents.add(agentId);
  }

  /** What is free on it, or of its reservations, has changed. */
  agentFree(agentId: AgentId): void {
    this.freeAgents.add(agentId);
  }

  /** It came, left, or its roles, needs or limit have changed. */
  framework(framework: FrameworkRef): void {
    this.frameworks.set(frameworkKey(framework), framework);
  }

  /** What it holds in the role has changed. */
  usage({ principal, frameworkId }: FrameworkRef, role: RoleName): void {
    const framework = { principal, frameworkId };
    this.usages.set(`${frameworkKey(framework)} ${role}`, { framework, role });
  }

  /** What is set for it has changed. */
  role(role: RoleName): void {
    this.roleShares.add(role);
  }

  /** Likewise. */
  frameworkShare(framework: FrameworkRef): void {
    this.frameworkShares.set(frameworkKey(framework), framework);
  }

  /** Its outstanding offers have changed. */
  offers(framework: FrameworkRef): void {
    this.outstanding.set(frameworkKey(framework), framework);
  }

  /** A revocation of the task began, ended or was refused. */
  revocation(task: TaskRef): void {
    this.revocations.set(taskKey(task), task);
  }

  tell(fact: Happened): void {
    this.happened.push(fact);
  }

  get isEmpty(): boolean {
    return (
      this.agents.size + this.freeAgents.size + this.frameworks.size + this.usages.size === 0 &&
      this.outstanding.size + this.revocations.size + this.happened.length === 0 &&
      this.roleShares.size + this.frameworkShares.size === 0 &&
      !this.hasNewSettings &&
      this.decided === undefined
    );
  }

  clear(): void {
    this.agents.clear();
    this.freeAgents.clear();
    this.frameworks.clear();
    this.usages.clear();
    this.roleShares.clear();
    this.frameworkShares.clear();
    this.outstanding.clear();
    this.revocations.clear();
    this.happened = [];
    this.hasNewSettings = false;
    this.decided = undefined;
  }
}
