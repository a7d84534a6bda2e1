// Tests that an agent hears a leader that is late: what it asked again it still waits for.
import type { Bus } from '@parley/actor/bus';
import { fail, succeed } from '@parley/protocol/errors';
import { AgentId, ClusterName } from '@parley/protocol/ids';
import { encodeAnswer } from '@parley/protocol/message';
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
