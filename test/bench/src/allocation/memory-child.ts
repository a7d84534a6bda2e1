// Owns the process whose memory is measured: an allocator that hears of a cluster as over the bus, offers all of it, and
// hears what became of that. It prints the most memory that it ever had, in MB, and how many offers it made.
import { Allocator } from '@parley/allocation/allocator';
import type { Fact, Proposal } from '@parley/protocol/allocation';
import { type FrameworkKey, frameworkKey } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { AGENT_TOTAL } from './bench-master.ts';
import { bytesOf, type ClusterSize, messageOf, snapshotBytes } from './cluster-facts.ts';

const BYTES_A_KIB = 1024;
const BYTES_A_MB = 1_000_000;

const [agents = 0, frameworks = 0] = process.argv.slice(2).map(Number);
const offers = play({ agents, frameworks });
const peakMb = (process.resourceUsage().maxRSS * BYTES_A_KIB) / BYTES_A_MB;
process.stdout.write(`${JSON.stringify({ peakMb, offers })}\n`);

/** The value: how many offers were made. */
function play(size: ClusterSize): number {
  const allocator = new Allocator({ seed: 1 });
  allocator.started({ bucketCreatedMs: 1, revision: 1 }, 0);
  for (const bytes of snapshotBytes(size)) allocator.facts(messageOf(bytes), 0);
  const agentsOf = new Map<FrameworkKey, number>();
  let sequence = 1;
  let made = 0;
  let nowMs = 0;
  while (made < size.agents) {
    const wakeMs = allocator.nextWakeMs() ?? Number.POSITIVE_INFINITY;
    if (!Number.isFinite(wakeMs)) return made;
    nowMs = Math.max(nowMs, wakeMs);
    for (const effect of allocator.tick(nowMs)) {
      if (effect.kind !== 'propose') continue;
      made += effect.proposals.length;
      const facts = effect.proposals.flatMap((one) => offered(one, agentsOf));
      const bytes = bytesOf({ sequence: sequence + 1, previous: sequence, facts });
      allocator.facts(messageOf(bytes), nowMs);
      sequence += 1;
    }
  }
  return made;
}

/** What the master says once a proposal has become an offer. */
function offered(
  { framework, role, agentId, number }: Proposal,
  agentsOf: Map<FrameworkKey, number>,
): Fact[] {
  const offers = (agentsOf.get(frameworkKey(framework)) ?? 0) + 1;
  agentsOf.set(frameworkKey(framework), offers);
  const scalars = Object.fromEntries(
    Object.entries(AGENT_TOTAL.scalars).map(([name, amount]) => [name, amount * offers]),
  );
  return [
    { kind: 'usage', framework, role, scalars },
    { kind: 'outstanding', framework, offers, scalars },
    { kind: 'agentFree', agentId, free: NO_RESOURCES, reservations: [] },
    { kind: 'decided', proposalNumber: number },
  ];
}
