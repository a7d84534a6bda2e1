// The real agent process where something is wrong: plain processes, a full disk, a bus that goes away, orders at the
// command line that cannot be followed.

import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startNatsServer } from '@parley/nats-server/nats-server';
import { ActorId } from '@parley/protocol/ids';
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { AgentUnderTest, agentId, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, binaryOf, cluster, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

const NO_RESPONDERS_MS = 50;

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
}, WAIT_MS);
afterAll(() => bus?.close(), WAIT_MS);
beforeEach(() => {
  agent = new AgentUnderTest(bus, 'process');
});
afterEach(() => agent.close(), WAIT_MS);

async function started(): Promise<void> {
  agent.start();
  await leader.registered();
}

test(
  'plain processes are run only with a warning in the log and in the attributes',
  async () => {
    await started();
    expect(leader.registrations.at(-1)?.attributes).toMatchObject({ isolation: 'process' });
    expect(agent.output).toContain('tasks run as plain processes');
    await leader.order(aShellTask('plain', 'exit 3'));
    expect(await leader.ended('plain')).toMatchObject({ state: 'failed', exitCode: 3 });
  },
  WAIT_MS,
);

test(
  'on a full disk an order is refused with diskFull, and the next one is taken when there is room',
  async () => {
    await started();
    // /dev/full answers every write with ENOSPC.
    symlinkSync('/dev/full', path.join(agent.workDirectory, 'tasks/alice.fw.full.task.partial'));
    const order = aShellTask('full', 'true');
    expect(await leader.order(order)).toMatchObject({ ok: false, failure: { code: 'diskFull' } });
    expect(await leader.order(order)).toEqual({ ok: true, value: {} });
    expect(await leader.ended('full')).toMatchObject({ state: 'finished' });
  },
  WAIT_MS,
);

test(
  'the log level is changed by request and by SIGUSR2',
  async () => {
    await started();
    const parameters = { actorKind: 'agent', actorId: ActorId.parse(agentId) };
    const body = { level: 'warn' } as const;
    const { subject, bytes } = encodeMessage(SUBJECTS.logLevel, cluster, parameters, body);
    const { connection } = await bus.as('operator', 'olga');
    // Right after a subscription elsewhere "no responders" is not believed at once: it is asked again for a moment.
    const ask = () => connection.request(subject, bytes, { timeout: 20_000 });
    const reply = await ask().catch(() => wait(NO_RESPONDERS_MS).then(ask));
    expect(decodeAnswer(SUBJECTS.logLevel, reply.data)).toMatchObject({
      value: { answer: { ok: true, value: { previous: 'info', level: 'warn' } } },
    });
    agent.signal('SIGUSR2');
    await expect.poll(() => agent.output, { timeout: WAIT_MS }).toContain('"level":"debug"');
  },
  WAIT_MS,
);

test(
  'a second agent in the same work directory is refused while the first one runs',
  async () => {
    await started();
    const first = agent.detach();
    agent.start();
    expect(await agent.ended()).toBe(1);
    expect(agent.output).toContain('runs an agent in');
    first.kill('SIGKILL');
  },
  WAIT_MS,
);

test('options that cannot be followed are refused with the option and the usage', async () => {
  agent.start('--cpus', 'many');
  expect(await agent.ended()).toBe(2);
  expect(agent.output).toContain('--cpus: "many"');
  expect(agent.output).toContain('--work-dir DIR');
  agent.start('--creds', '/nowhere');
  expect(await agent.ended()).toBe(2);
  expect(agent.output).toContain('the credential /nowhere cannot be read');
  agent.start('--isolation', 'wishes');
  expect(await agent.ended()).toBe(2);
  expect(agent.output).toContain('--isolation is one of');
  agent.start('--isolation', 'auto', '--private-systemd', agent.workDirectory);
  expect(await agent.ended()).toBe(1);
  expect(agent.output).toMatch(
    /this host cannot run tasks: .*(private systemd|--isolation process)/,
  );
});

test(
  'tasks go on while the bus is away, and their ends are told when it is back',
  async () => {
    await started();
    await leader.order(aShellTask('alone', 'while [ ! -e go ]; do sleep 0.05; done; exit 9'));
    await leader.untilState('alone', 'running');
    const { directory, port } = bus.server;
    await bus.server.stop();
    await expect.poll(() => agent.output, { timeout: WAIT_MS }).toContain('the bus is away');
    agent.touch('alone', 'go');
    await expect
      .poll(() => agent.runFile('alone', 'exit'), { timeout: WAIT_MS })
      .toContain('status=9');
    const binary = await binaryOf('reference');
    const names = { cluster, actors: [], principals: [] };
    const again = await startNatsServer({ directory, ...names, port, binary });
    onTestFinished(() => again.stop());
    expect(await leader.ended('alone')).toMatchObject({ state: 'failed', exitCode: 9 });
  },
  2 * WAIT_MS,
);
