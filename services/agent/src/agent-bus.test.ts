// Tests that an agent hears a leader that is late, what it asked again it still waits for; and that it hears what is sent to it
// alone by one subscription.
import type { Bus, BusMessage } from '@parley/actor/bus';
import { fail, succeed } from '@parley/protocol/errors';
import { AgentId, ClusterName, FrameworkId, PrincipalName, TaskId } from '@parley/protocol/ids';
import { encodeAnswer, encodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, test } from 'vitest';
import { AgentBus, type AgentHandlers } from './agent-bus.ts';
import { Registration } from './registration.ts';

const total = { scalars: {}, ports: [], sets: {} };
const body = { hostname: 'h', total, attributes: {}, tasks: [], executors: [] };

/** A leader that answers each request so long after it was sent. */
function aLeaderThatTakes(answersAfterMs: number): Bus {
  const value = { heartbeatIntervalMs: 5000, unknownTasks: [], unknownExecutors: [] };
  return {
    connected: true,
    publish: () => succeed(undefined),
    request: (_subject, _bytes, timeoutMs) =>
      Promise.resolve(
        timeoutMs < answersAfterMs
          ? fail('unavailable', 'no answer in time')
          : succeed(encodeAnswer({ ok: true, value })),
      ),
    subscribe: () => ({ close: () => undefined }),
  };
}

/** Between the first try and the last one before the wait stays the same. */
function longestWaitMs(jitter: number): number {
  const registration = new Registration({ session: 's', jitter });
  registration.connected(0);
  const sentMs: number[] = [];
  for (let nowMs = 0; nowMs < 120_000; nowMs += 100) {
    const effects = registration.takeDue(nowMs, () => ({ body, runningTasks: 0 }));
    if (effects.some(({ kind }) => kind === 'register')) sentMs.push(nowMs);
  }
  const waits = sentMs.slice(1).map((atMs, index) => atMs - (sentMs[index] ?? 0));
  return Math.max(...waits);
}

test('the answer to a registration counts however often it was asked again meanwhile', async () => {
  const lateMs = longestWaitMs(1);
  expect(lateMs).toBeGreaterThan(10_000);
  const agent = new AgentBus({
    bus: aLeaderThatTakes(lateMs),
    cluster: ClusterName.parse('c'),
    agentId: AgentId.parse('a1'),
    handlers: {} as AgentHandlers,
  });
  const answered = await agent.register({ session: 's', counter: 1, lowest: 1 }, body);
  expect(answered?.answer).toMatchObject({ ok: true, value: { heartbeatIntervalMs: 5000 } });
});

const cluster = ClusterName.parse('c');
const agentId = AgentId.parse('a1');
const principal = PrincipalName.parse('alice');
const epoch = { bucketCreatedMs: 1, revision: 1 };

/** An agent with these handlers, and what its bus subscribed to. */
function anAgent(handlers: Partial<AgentHandlers>) {
  const heard = new Map<string, (message: BusMessage) => void>();
  const refusals = new Map<string, (() => void) | undefined>();
  const bus: Bus = {
    ...aLeaderThatTakes(0),
    subscribe: (pattern, handler, options) => {
      heard.set(pattern, handler);
      refusals.set(pattern, options?.onRefused);
      return { close: () => heard.delete(pattern) };
    },
  };
  const refuse = (pattern: string): void => {
    heard.delete(pattern);
    refusals.get(pattern)?.();
  };
  const agent = new AgentBus({ bus, cluster, agentId, handlers: handlers as AgentHandlers });
  const tell = (subject: string, bytes: Uint8Array = new Uint8Array()): void => {
    const respond = () => succeed(undefined);
    heard.get('parley.c.agent.a1.>')?.({ subject, bytes, respond });
  };
  return { agent, heard, refuse, tell };
}

test('of all that is sent to one agent alone it needs one subscription, whatever kinds there are', () => {
  const { agent, heard } = anAgent({});
  expect([...heard.keys()].filter((pattern) => pattern.startsWith('parley.c.agent.'))).toEqual([
    'parley.c.agent.a1.>',
  ]);
  agent.close();
  expect(heard.size).toBe(0);
});

test('what comes in on it reaches the handler of its kind, also where its subject names a principal', async () => {
  const asked: string[] = [];
  const { tell } = anAgent({
    registerAgain: () => void asked.push('register again'),
    files: {
      answer: () => Promise.resolve(fail('unavailable', 'none')),
      logs: () => Promise.resolve(fail('unavailable', 'none')),
      ofPrincipal: (principal) => {
        asked.push(`files of ${principal}`);
        return Promise.resolve(fail('unavailable', 'none'));
      },
    },
  });
  const again = encodeMessage(SUBJECTS.registerAgain, cluster, { agentId }, {}, { epoch });
  tell(again.subject, again.bytes);
  const task = { principal, frameworkId: FrameworkId.parse('f'), taskId: TaskId.parse('t') };
  const question = { task, question: 'q', ask: { kind: 'stat', path: new Uint8Array() } } as const;
  const files = encodeMessage(SUBJECTS.ownFiles, cluster, { agentId, principal }, question);
  tell(files.subject, files.bytes);
  expect(asked).toEqual(['register again', 'files of alice']);
});

test('under permissions of an earlier release it hears the same by a subscription for each kind', () => {
  const { agent, heard, refuse } = anAgent({});
  refuse('parley.c.agent.a1.>');
  const own = Object.values(SUBJECTS)
    .filter(({ pattern }) => pattern.startsWith('agent.{agentId}.'))
    .map((entry) => wildcardOf(entry, cluster, { agentId }));
  const subscribed = [...heard.keys()].filter((one) => one.startsWith('parley.c.agent.'));
  expect(subscribed.toSorted()).toEqual(own.toSorted());
  agent.close();
  expect(heard.size).toBe(0);
});

test('a verb of a later release is told of, and nothing is done', () => {
  const told: string[] = [];
  const { tell } = anAgent({
    onMalformed: (subject, reason) => void told.push(`${subject}: ${reason}`),
  });
  for (const verb of ['dance', 'dance.alice', 'run.now']) tell(`parley.c.agent.a1.${verb}`);
  expect(told).toHaveLength(3);
  expect(told[0]).toBe('parley.c.agent.a1.dance: this release of the agent knows no such verb');
});
