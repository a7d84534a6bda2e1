// Owns what an entry has changed for the allocator, until `finish` turns it into one facts message.
// Announcements keep their order (a refusal after a subscription must stay after it); figures need none.
import type { Fact } from '@parley/protocol/allocation';
import { type AgentId, type FrameworkRef, frameworkKey } from '@parley/protocol/ids';

export type Announcement =
  | { readonly kind: 'agent'; readonly agentId: AgentId }
  | { readonly kind: 'framework'; readonly framework: FrameworkRef }
  | { readonly kind: 'fact'; readonly fact: Fact };

export class FactMarks {
  announcements: Announcement[] = [];
  readonly agents = new Set<AgentId>();
  readonly frameworks = new Map<string, FrameworkRef>();
  decided: number | undefined;

  announce(announcement: Announcement): void {
    this.announcements.push(announcement);
  }

  /** What is free on it has changed. */
  agentFree(agentId: AgentId): void {
    this.agents.add(agentId);
  }

  /** What it holds has changed. */
  usage(framework: FrameworkRef): void {
    this.frameworks.set(frameworkKey(framework), framework);
  }

  get isEmpty(): boolean {
    return (
      this.announcements.length === 0 &&
      this.agents.size === 0 &&
      this.frameworks.size === 0 &&
      this.decided === undefined
    );
  }

  clear(): void {
    this.announcements = [];
    this.agents.clear();
    this.frameworks.clear();
    this.decided = undefined;
  }
}
