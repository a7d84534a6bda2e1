// Owns the books of a history for property tests as the slow reference sees them.
import type { Proposal } from '@parley/protocol/allocation';
import { type AgentId, frameworkKey } from '@parley/protocol/ids';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { assert } from '@parley/protocol/unreachable';
import { sum } from '@parley/resources/resources';
import type { HistoryBooks } from './history-books.ts';
import type { ReferenceAgent, ReferenceClient, ReferenceWorld } from './reference-allocator.ts';
import type { ScriptedMaster } from './scripted-master.ts';
import type { ScriptedFramework } from './scripted-records.ts';

export function worldOf({ master, refusals, nowMs }: HistoryBooks): ReferenceWorld {
  const { agents, frameworks, roles, shares, reclaims, minAllocatable } = master;
  const all = [...agents.values()];
  return {
    nowMs,
    total: sum(all.map(({ total }) => total)),
    clients: [...frameworks.values()].flatMap((framework) => clientsOf(framework, master)),
    refusals,
    roles,
    frameworks: new Map([...shares.values()].map((one) => [frameworkKey(one.ref), one])),
    reserved: all.flatMap(({ reservations }) => reservations),
    available: sum(all.map(({ free }) => free)),
    reclaims,
    minimumOf: (role) => roles.get(role)?.minAllocatable ?? minAllocatable,
  };
}

/** The receiver. */
export function clientOf(
  receiver: Pick<Proposal, 'framework' | 'role'>,
  books: HistoryBooks,
): ReferenceClient {
  const clients = clientsOf(frameworkOf(receiver, books), books.master);
  const client = clients.find(({ role }) => role === receiver.role);
  assert(client !== undefined, `the framework has the role ${receiver.role}`);
  return client;
}

export function frameworkOf(
  { framework: ref }: Pick<Proposal, 'framework'>,
  { master }: HistoryBooks,
): ScriptedFramework {
  const framework = master.frameworks.get(frameworkKey(ref));
  assert(framework !== undefined, 'the framework is known');
  return framework;
}

export function agentOf(agentId: AgentId, books: HistoryBooks): ReferenceAgent {
  const agent = books.master.agents.get(agentId);
  assert(agent !== undefined, 'the agent is known');
  const { free: unreserved, reservations, attributes } = agent;
  return {
    agentId,
    hostname: `${agentId}.test`,
    attributes,
    unreserved,
    reservations,
    unused: books.unusedOf(agentId),
    leftUnused: books.leftUnused.get(agentId) ?? [],
  };
}

function clientsOf(framework: ScriptedFramework, master: ScriptedMaster): ReferenceClient[] {
  const roles = new Set([...framework.roles.keys(), ...framework.used.keys()]);
  return [...roles].map((role) => {
    const entry = framework.roles.get(role);
    return {
      key: frameworkKey(framework.ref),
      role,
      isMember: framework.isActive && entry !== undefined,
      isActive: framework.isActive && entry !== undefined && !entry.isSuppressed,
      needs: entry?.needs?.map((need) => ({
        ...need,
        constraints: need.constraints ?? [],
        count: master.openCount(framework, role, need),
      })),
      used: framework.used.get(role) ?? NO_RESOURCES,
    };
  });
}
