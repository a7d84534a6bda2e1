// Owns the facts of a whole cluster as they come over the bus: messages of bytes, cut as the real master cuts its
// snapshots, made one after the other so that they do not weigh on what is measured.

import type { Fact, FactsMessage } from '@parley/protocol/allocation';
import { AgentId, ClusterName } from '@parley/protocol/ids';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { NO_RESOURCES } from '@parley/protocol/resources';
import { SUBJECTS } from '@parley/protocol/subjects';
import {
  AGENT_TOTAL,
  type BenchFramework,
  benchFrameworks,
  FACTS_A_PART,
  oneRoleEach,
  SETTINGS,
} from './bench-master.ts';

const CLUSTER = ClusterName.parse('bench');
const EPOCH = { bucketCreatedMs: 1, revision: 1 };
const AGENTS_A_RACK = 40;

export type ClusterSize = { readonly agents: number; readonly frameworks: number };

/** All is free. */
export function* snapshotBytes({ agents, frameworks }: ClusterSize): Generator<Uint8Array> {
  const others = [SETTINGS, ...benchFrameworks(oneRoleEach(frameworks)).flatMap(factsOf)];
  const parts = Math.ceil((agents + others.length) / FACTS_A_PART);
  for (let part = 1; part <= parts; part += 1) {
    const facts: Fact[] = [];
    const end = Math.min(agents + others.length, part * FACTS_A_PART);
    for (let number = (part - 1) * FACTS_A_PART; number < end; number += 1) {
      const other = others[number - agents];
      facts.push(number < agents || other === undefined ? agentFact(number) : other);
    }
    yield bytesOf({ sequence: 1, previous: 1, facts, snapshot: { part, parts } });
  }
}

export function bytesOf(message: FactsMessage): Uint8Array {
  return encodeMessage(SUBJECTS.facts, CLUSTER, {}, message, { epoch: EPOCH }).bytes;
}

const { subject: SUBJECT } = encodeMessage(
  SUBJECTS.facts,
  CLUSTER,
  {},
  { sequence: 0, previous: 0, facts: [] },
);

/** As the allocator's service reads them. Throws where they are not what they should be. */
export function messageOf(bytes: Uint8Array): FactsMessage {
  const message = decodeMessage(SUBJECTS.facts, CLUSTER, SUBJECT, bytes);
  if (!message.ok) throw new Error(message.failure.message);
  return message.value.body;
}

function agentFact(number: number): Fact {
  return {
    kind: 'agent',
    agentId: AgentId.parse(`agent-${number}`),
    hostname: `agent-${number}.cluster.test`,
    total: AGENT_TOTAL,
    free: AGENT_TOTAL,
    reservations: [],
    attributes: { rack: `rack-${Math.floor(number / AGENTS_A_RACK)}` },
  };
}

function factsOf({ ref: framework, role }: BenchFramework): Fact[] {
  return [
    { kind: 'framework', framework, roles: [{ role, isSuppressed: false }] },
    { kind: 'usage', framework, role, scalars: NO_RESOURCES.scalars },
    { kind: 'outstanding', framework, offers: 0, scalars: {} },
  ];
}
