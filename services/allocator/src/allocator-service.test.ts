// Tests the service around the allocator: terms, epochs, messages that are not what they should be, the log level.
import { systemClock } from '@parley/actor/nats/system-clock';
import type { FactsMessage } from '@parley/protocol/allocation';
import type { Epoch } from '@parley/protocol/epoch';
import {
  ActorId,
  AgentId,
  ClusterName,
  FrameworkId,
  PrincipalName,
  RoleName,
  TaskId,
} from '@parley/protocol/ids';
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import type { Resources } from '@parley/protocol/resources';
import { SUBJECTS } from '@parley/protocol/subjects';
import { createLogger } from '@parley/telemetry/logger';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AllocatorService } from './allocator-service.ts';
import { MAX_WAITING } from './explain-desk.ts';
import { RecordingBus } from './recording-bus.ts';

const CLUSTER = ClusterName.parse('test');
const ID = ActorId.parse('allocator-1');
const OWN_EPOCH: Epoch = { bucketCreatedMs: 1, revision: 5 };
const MASTER_EPOCH: Epoch = { bucketCreatedMs: 1, revision: 3 };
const ROLE = RoleName.parse('services');
const PATIENCE = { timeout: 10_000, interval: 5 };

const ALL: Resources = { scalars: { cpus: 4000, mem: 1_024_000 }, ports: [], sets: {} };

/** One agent, free, and one framework that takes offers. */
const SNAPSHOT: FactsMessage = {
  sequence: 8,
  previous: 8,
  snapshot: { part: 1, parts: 1 },
  facts: [
    {
      kind: 'agent',
      agentId: AgentId.parse('agent-1'),
      hostname: 'agent-1.test',
      total: ALL,
      free: ALL,
      reservations: [],
      attributes: {},
    },
    {
      kind: 'framework',
      framework: {
        principal: PrincipalName.parse('team'),
        frameworkId: FrameworkId.parse('batch'),
      },
      roles: [{ role: RoleName.parse('services'), isSuppressed: false }],
    },
  ],
};

let bus: RecordingBus;
let mayAct: boolean;
let lines: string[];
let service: AllocatorService;

beforeEach(() => {
  bus = new RecordingBus();
  mayAct = true;
  lines = [];
  const destination = { write: (line: string) => void lines.push(line) };
  service = new AllocatorService({
    bus,
    cluster: CLUSTER,
    clock: systemClock,
    logger: createLogger({ service: 'allocator', actorId: ID, destination }),
    seed: 1,
    mayAct: () => mayAct,
  });
  service.start();
});

afterEach(() => service.termEnded());

function tell(body: FactsMessage, epoch: Epoch | undefined = MASTER_EPOCH): void {
  const { subject, bytes } = encodeMessage(SUBJECTS.facts, CLUSTER, {}, body, {
    ...(epoch && { epoch }),
  });
  bus.deliver(subject, bytes);
}

const requests = (): unknown[] => bus.sent(SUBJECTS.factsSnapshot, CLUSTER);
const proposals = (): ReturnType<typeof bus.sent<typeof SUBJECTS.proposals>> =>
  bus.sent(SUBJECTS.proposals, CLUSTER);
const logged = (message: string): string[] => lines.filter((line) => line.includes(message));

test('a term begins with a request for all facts, and proposals carry the epoch of the term', async () => {
  service.termBegan(OWN_EPOCH);
  expect(requests()).toHaveLength(1);
  tell(SNAPSHOT);
  await vi.waitFor(() => expect(proposals()).toHaveLength(1), PATIENCE);
  expect(proposals()[0]).toMatchObject({
    epoch: OWN_EPOCH,
    body: { proposals: [{ number: 1, agentId: 'agent-1', role: 'services', resources: ALL }] },
  });
});

test('what has arrived together is decided together', async () => {
  service.termBegan(OWN_EPOCH);
  tell(SNAPSHOT);
  const [agent] = SNAPSHOT.facts;
  if (agent?.kind !== 'agent') throw new Error('the first fact is of an agent');
  const another = { ...agent, agentId: AgentId.parse('agent-2') };
  tell({ sequence: 9, previous: 8, facts: [another] });
  await vi.waitFor(() => expect(proposals()).toHaveLength(1), PATIENCE);
  expect(proposals()[0]?.body.proposals).toHaveLength(2);
});

test('without a term nothing is asked or proposed', async () => {
  tell(SNAPSHOT);
  service.termBegan(OWN_EPOCH);
  service.termEnded();
  tell(SNAPSHOT);
  // A term that begins now asks after whatever came before it would have been sent.
  service.termBegan(OWN_EPOCH);
  await vi.waitFor(() => expect(requests()).toHaveLength(2), PATIENCE);
  expect(proposals()).toStrictEqual([]);
});

test('the request is repeated until the facts come', async () => {
  service.termBegan(OWN_EPOCH);
  await vi.waitFor(() => expect(requests().length).toBeGreaterThanOrEqual(2), PATIENCE);
});

test('nothing is sent once the lease may have passed to another', async () => {
  service.termBegan(OWN_EPOCH);
  mayAct = false;
  tell(SNAPSHOT);
  await vi.waitFor(() => expect(logged('proposes')).toHaveLength(1), PATIENCE);
  expect(proposals()).toStrictEqual([]);
});

test('messages that do not parse are dropped and logged once a reason', async () => {
  service.termBegan(OWN_EPOCH);
  const { subject } = encodeMessage(SUBJECTS.facts, CLUSTER, {}, SNAPSHOT);
  for (let count = 0; count < 3; count += 1) bus.deliver(subject, new Uint8Array([0xc1]));
  tell(SNAPSHOT, undefined);
  expect(logged('message dropped').length).toBeGreaterThanOrEqual(1);
  const before = logged('message dropped').length;
  bus.deliver(subject, new Uint8Array([0xc1]));
  expect(logged('message dropped')).toHaveLength(before);
  tell(SNAPSHOT);
  await vi.waitFor(() => expect(proposals()).toHaveLength(1), PATIENCE);
});

test('facts of an earlier master are not heard', async () => {
  service.termBegan(OWN_EPOCH);
  tell({ ...SNAPSHOT, facts: [] });
  const factsOf = (agentId: string): FactsMessage => ({
    ...SNAPSHOT,
    sequence: 9,
    facts: SNAPSHOT.facts.map((fact) =>
      fact.kind === 'agent' ? { ...fact, agentId: AgentId.parse(agentId) } : fact,
    ),
  });
  tell(factsOf('agent-1'), { bucketCreatedMs: 1, revision: 2 });
  tell(factsOf('agent-2'), MASTER_EPOCH);
  await vi.waitFor(() => expect(proposals()).toHaveLength(1), PATIENCE);
  expect(proposals()[0]?.body.proposals).toMatchObject([{ agentId: 'agent-2' }]);
});

test('after the bus was away it asks for all facts again', () => {
  service.termBegan(OWN_EPOCH);
  tell(SNAPSHOT);
  const before = requests().length;
  service.reconnected();
  expect(requests()).toHaveLength(before + 1);
});

describe('a question of an operator why a framework is not offered what it wants', () => {
  const framework = {
    principal: PrincipalName.parse('team'),
    frameworkId: FrameworkId.parse('batch'),
  };

  function ask(): ReturnType<typeof decodeAnswer> | undefined {
    const body = { of: 'framework', framework } as const;
    const { subject, bytes } = encodeMessage(SUBJECTS.explain, CLUSTER, {}, body);
    const answer = bus.deliver(subject, bytes);
    return answer && decodeAnswer(SUBJECTS.explain, answer);
  }

  test('it is answered by the allocator that leads', () => {
    service.termBegan(OWN_EPOCH);
    tell(SNAPSHOT);
    expect(ask()).toMatchObject({
      ok: true,
      value: { answer: { ok: true, value: { agents: 1, clients: [{ state: 'waits' }] } } },
    });
  });

  test('what is to be decided by then is decided first', () => {
    service.termBegan(OWN_EPOCH);
    tell(SNAPSHOT);
    expect(proposals()).toStrictEqual([]);
    expect(ask()).toMatchObject({
      value: { answer: { value: { clients: [{ offers: { proposed: 1 } }] } } },
    });
    expect(proposals()).toHaveLength(1);
  });

  test('whoever asks again and again waits, and is answered once', async () => {
    service.termBegan(OWN_EPOCH);
    tell(SNAPSHOT);
    expect(ask()).toBeDefined();
    expect([ask(), ask(), ask()]).toStrictEqual([undefined, undefined, undefined]);
    for (let count = 0; count < 2 * MAX_WAITING; count += 1) ask();
    expect(ask()).toMatchObject({
      value: { answer: { ok: false, failure: { code: 'overloaded' } } },
    });
    await vi.waitFor(() => expect(ask()).toBeUndefined(), PATIENCE);
  });

  test('one that does not lead, or may have lost the lease, is silent', () => {
    expect(ask()).toBeUndefined();
    service.termBegan(OWN_EPOCH);
    mayAct = false;
    expect(ask()).toBeUndefined();
  });

  test('before everything is known the answer is to ask again', () => {
    service.termBegan(OWN_EPOCH);
    expect(ask()).toMatchObject({
      ok: true,
      value: { answer: { ok: false, failure: { code: 'unavailable' } } },
    });
  });

  test('what does not parse is refused', () => {
    service.termBegan(OWN_EPOCH);
    const { subject } = encodeMessage(SUBJECTS.explain, CLUSTER, {}, { of: 'role', role: ROLE });
    const answer = bus.deliver(subject, new Uint8Array([0xc1]));
    expect(answer && decodeAnswer(SUBJECTS.explain, answer)).toMatchObject({
      value: { answer: { ok: false, failure: { code: 'malformed' } } },
    });
  });
});

test('a client below its guarantee makes it ask which tasks could be taken back, and name victims', async () => {
  const role = RoleName.parse('services');
  const principal = PrincipalName.parse('team');
  const holder = { principal, frameworkId: FrameworkId.parse('rich') };
  const waiter = { principal, frameworkId: FrameworkId.parse('batch') };
  const agentId = AgentId.parse('agent-1');
  const none: Resources = { scalars: {}, ports: [], sets: {} };
  service.termBegan(OWN_EPOCH);
  tell(SNAPSHOT);
  tell({
    sequence: 9,
    previous: 8,
    facts: [
      {
        kind: 'settings',
        outstandingCapPermille: 500,
        reclaims: true,
        starvationMs: 60_000,
        minAllocatable: { cpus: 10 },
        placement: 'random',
      },
      {
        kind: 'frameworkShare',
        framework: waiter,
        weight: 1000,
        guarantee: { cpus: 4000 },
        limit: {},
      },
      { kind: 'agentFree', agentId, free: none, reservations: [] },
      { kind: 'usage', framework: holder, role, scalars: { cpus: 4000 } },
    ],
  });
  const wanted = () => bus.sent(SUBJECTS.candidatesWanted, CLUSTER);
  await vi.waitFor(() => expect(wanted()).toHaveLength(1), PATIENCE);
  const beneficiary = { framework: waiter, role };
  expect(wanted()[0]).toMatchObject({ epoch: OWN_EPOCH, body: { beneficiary } });
  const task = { ...holder, taskId: TaskId.parse('t1') };
  const named = {
    task,
    agentId,
    role,
    resources: ALL,
    priority: 0,
    launchedAtMs: 0,
  };
  const answer = { question: wanted()[0]?.body.question ?? 0, sequence: 9, tasks: [named] };
  const { subject, bytes } = encodeMessage(SUBJECTS.candidates, CLUSTER, {}, answer, {
    epoch: MASTER_EPOCH,
  });
  bus.deliver(subject, bytes);
  expect(bus.sent(SUBJECTS.revocations, CLUSTER)).toMatchObject([
    {
      epoch: OWN_EPOCH,
      body: { revocations: [{ task, agentId, beneficiary, reason: 'belowGuarantee' }] },
    },
  ]);
});
