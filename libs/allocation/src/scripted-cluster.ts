// Owns an allocator beside a scripted master on a clock of its own, for tests that say what happens and look at what is
// proposed. It accepts every proposal as the master's books allow; answering offers is up to the test.
import type { FactsMessage, Proposal } from '@parley/protocol/allocation';
import { assert } from '@parley/protocol/unreachable';
import { Allocator, COALESCE_MS } from './allocator.ts';
import { ScriptedMaster } from './scripted-master.ts';

/** Of the allocator's term. */
export const EPOCH = { bucketCreatedMs: 1000, revision: 7 };

export class ScriptedCluster {
  readonly master = new ScriptedMaster();
  readonly allocator = new Allocator({ seed: 1 });
  nowMs = 0;

  constructor() {
    this.allocator.started(EPOCH, this.nowMs);
    for (const part of this.master.snapshot()) this.allocator.facts(part, this.nowMs);
  }

  hear(message: FactsMessage = this.master.message()): void {
    const effects = this.allocator.facts(message, this.nowMs);
    assert(effects.length === 0, 'no fact is missed');
    this.allocator.checkInvariants();
  }

  /** Lets the time pass, waking the allocator whenever it wants. Nobody decides about the proposals. */
  proposalsWithin(durationMs: number): Proposal[] {
    const endMs = this.nowMs + durationMs;
    const proposals: Proposal[] = [];
    for (;;) {
      const wakeMs = Math.max(this.nowMs, this.allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY);
      this.nowMs = Math.min(wakeMs, endMs);
      for (const effect of this.allocator.tick(this.nowMs)) {
        if (effect.kind === 'propose') proposals.push(...effect.proposals);
      }
      this.allocator.checkInvariants();
      if (wakeMs > endMs) return proposals;
    }
  }

  /** Hears what has happened; every proposal of the run that follows becomes an offer. */
  settle(): Proposal[] {
    this.hear();
    return this.settleWithin(COALESCE_MS);
  }

  /** Likewise, for all proposals of some time. */
  settleWithin(durationMs: number): Proposal[] {
    const proposals = this.proposalsWithin(durationMs);
    for (const proposal of proposals) {
      assert(this.master.decide(proposal), `proposal ${proposal.number} fits the books`);
    }
    this.hear();
    return proposals;
  }
}

/** Who is offered what of which agent, for people to read. */
export const summaryOf = (proposals: readonly Proposal[]): string[] =>
  proposals.map(({ framework, agentId, resources, promised }) => {
    const { cpus = 0, mem = 0 } = resources.scalars;
    const promises = promised.map(({ shape, count }) => ` ${count}x ${shape}`).join('');
    return `${framework.frameworkId} ${agentId} ${cpus / 1000}/${mem / 1000}${promises}`;
  });

export const namesOf = (proposals: readonly Proposal[]): string[] =>
  proposals.map(({ framework }) => framework.frameworkId);

/** How many proposals each framework gets. */
export function countsOf(
  proposals: readonly Pick<Proposal, 'framework'>[],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { framework } of proposals) {
    counts[framework.frameworkId] = (counts[framework.frameworkId] ?? 0) + 1;
  }
  return counts;
}
