// A real agent that gives its tasks private networks, on a host that is a network namespace with one link: only root can. How a
// task gets into its network is tried with each launcher; the rest with the one that an agent takes by itself.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { decodeMessage, encodeMessage } from '@parley/protocol/message';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { NetworkTraffic, UnitUsage } from '@parley/protocol/usage';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, cluster, startBus } from './bus-fixture.ts';
import { isRoot } from './each-launcher.ts';
import { PlayedLeader } from './played-leader.ts';

// Addresses for documentation (RFC 5737): nobody's.
const OUTSIDE = '198.51.100.1';
const HOST = '198.51.100.2';
const LINK = `pt${process.pid}`;
const PORT = 31_004;
const RANGE = ['--task-network', '10.88.0.0/24'];
const POLL = { timeout: WAIT_MS, interval: 100 };

let bus: BusFixture;
let host: ChildProcess;
/** Leads from the link to the bus, which listens on this side's loopback alone. */
let way: Server;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
  host = spawn('unshare', ['--net', '--', 'sh', '-c', 'ip link set lo up; echo; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (host.stdout === null) throw new Error('no output');
  await once(host.stdout, 'data');
  const peer = ['peer', 'name', 'uplink', 'netns', String(host.pid)];
  execFileSync('ip', ['link', 'add', LINK, 'type', 'veth', ...peer]);
  execFileSync('ip', ['address', 'add', `${OUTSIDE}/24`, 'dev', LINK]);
  execFileSync('ip', ['link', 'set', LINK, 'up']);
  inHost('ip', 'address', 'add', `${HOST}/24`, 'dev', 'uplink');
  inHost('ip', 'link', 'set', 'uplink', 'up');
  const port = Number(new URL(bus.server.url).port);
  way = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward]) end.on('error', () => end.destroy());
  });
  way.listen(0, OUTSIDE);
  await once(way, 'listening');
  leader = await PlayedLeader.lead(bus);
}, WAIT_MS);

afterAll(async () => {
  way?.close();
  host?.kill('SIGKILL');
  // Goes with the namespace, as soon as nothing is in it.
  execFileSync('sh', ['-c', `ip link delete ${LINK} 2> /dev/null || true`]);
  await bus?.close();
}, WAIT_MS);

const reached = (): string[] => [
  '--nats',
  `nats://${OUTSIDE}:${(way.address() as AddressInfo).port}`,
];

const newAgent = (): AgentUnderTest =>
  new AgentUnderTest(bus, 'auto', ['nsenter', `--net=/proc/${host.pid}/ns/net`, '--']);

/** It may have registered more than once before: it hears no leader, and looks for one. */
async function startAgain(...options: string[]): Promise<void> {
  const before = leader.registrations.length;
  agent.start(...reached(), ...options);
  await vi.waitUntil(() => leader.registrations.length > before, POLL);
}

const inHost = (...words: string[]): string =>
  execFileSync('nsenter', [`--net=/proc/${host.pid}/ns/net`, '--', ...words], { encoding: 'utf8' });

/** What a server says to whoever connects; undefined where there is none. */
function heard(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 2000 });
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString();
    });
    socket.on('end', () => resolve(text));
    socket.on('error', () => resolve(undefined));
    socket.on('timeout', () => socket.destroy(new Error('silent')));
  });
}

/** Until the connection ends with the bus. */
async function watchUsage(onUnit: (unit: UnitUsage) => void): Promise<void> {
  const operator = (await bus.as('operator', 'olga')).connection;
  operator.subscribe(wildcardOf(SUBJECTS.unitsUsage, cluster), {
    callback: (_, { subject, data }) => {
      const part = decodeMessage(SUBJECTS.unitsUsage, cluster, subject, data);
      if (!part.ok) throw new Error(part.failure.message);
      for (const unit of part.value.body.units) onUnit(unit);
    },
  });
  const { subject, bytes } = encodeMessage(SUBJECTS.watchUsage, cluster, {}, { leaseMs: 60_000 });
  operator.publish(subject, bytes);
  await operator.flush();
}

const SERVE = `exec '${process.execPath}' -e "require('net').createServer((socket) => socket.on('error', () => undefined).end(process.env.PARLEY_ADDRESS)).listen(${PORT}, '0.0.0.0')"`;
const often = { delayMs: 0, intervalMs: 200, timeoutMs: 2000, graceMs: WAIT_MS };
const resources = (scalars: Record<string, number> = {}) => ({
  scalars: { cpus: 500, mem: 128_000, ...scalars },
  ports: [[PORT, PORT] as [number, number]],
});

describe.runIf(isRoot).each(['direct', 'systemd-run'] as const)(
  'with the launcher %s',
  (launcher) => {
    /** The stream remembers those of the other launcher. */
    const own = (taskId: string): string => `${taskId}-${launcher}`;

    beforeAll(async () => {
      agent = newAgent();
      await startAgain(...RANGE, '--launcher', launcher);
    }, WAIT_MS);
    afterAll(() => agent.close(), WAIT_MS);

    test(
      'a server in a private network is reached by the port that it holds, is probed there, and knows its address',
      async () => {
        const healthCheck = { ...often, probe: { kind: 'tcp' as const, port: PORT } };
        const task = { resources: resources(), network: 'private' as const, healthCheck };
        expect(await leader.order(aShellTask(own('server'), SERVE, task))).toMatchObject({
          ok: true,
        });
        await expect.poll(() => heard(HOST, PORT), POLL).toBe('10.88.0.1');
        await expect
          .poll(async () => (await leader.history(own('server'))).at(-1)?.healthy, POLL)
          .toBe(true);
        // Nothing on the host listens there.
        expect(inHost('ss', '-Htln')).not.toContain(`:${PORT}`);
      },
      WAIT_MS,
    );

    test(
      'the network outlives a kill -9 of the agent, goes when its task ends, and one that ended meanwhile is removed',
      async () => {
        await leader.order(
          aShellTask(own('short'), 'until [ -e go ]; do sleep 0.1; done', { network: 'private' }),
        );
        await leader.untilState(own('short'), 'running');
        expect(inHost('ip', '-brief', 'link').match(/^parl/gm)).toHaveLength(2);
        await agent.end('SIGKILL');
        agent.touch(own('short'), 'go');
        expect(await heard(HOST, PORT)).toBe('10.88.0.1');
        await expect.poll(() => agent.runFile(own('short'), 'exit'), POLL).toContain('end');
        await startAgain(...RANGE, '--launcher', launcher);
        await leader.ended(own('short'));
        expect(await heard(HOST, PORT)).toBe('10.88.0.1');
        await expect
          .poll(() => inHost('ip', '-brief', 'link').match(/^parl/gm), POLL)
          .toHaveLength(1);
        await leader.kill(own('server'), 0);
        await leader.ended(own('server'));
        await expect.poll(() => inHost('ip', '-brief', 'link'), POLL).not.toContain('parl');
        expect(await heard(HOST, PORT)).toBeUndefined();
      },
      WAIT_MS,
    );

    test(
      'a task without a network finds nothing to connect to',
      async () => {
        const script = `'${process.execPath}' -e "require('net').connect(${(way.address() as AddressInfo).port}, '${OUTSIDE}').on('error', ({ code }) => { console.log(code); process.exit(7); })"`;
        await leader.order(aShellTask(own('alone'), script, { network: 'none' }));
        expect(await leader.ended(own('alone'))).toMatchObject({ state: 'failed', exitCode: 7 });
      },
      WAIT_MS,
    );
  },
);

describe.runIf(isRoot)('with the launcher that an agent takes by itself', () => {
  beforeAll(async () => {
    agent = newAgent();
    await startAgain(...RANGE);
  }, WAIT_MS);
  afterAll(() => agent.close(), WAIT_MS);

  test('the agent says that its tasks can have private networks', () => {
    expect(leader.registrations.at(-1)?.attributes).toMatchObject({ task_network: 'private' });
  });

  test(
    'a task with a private network sends no faster than the bandwidth that it holds, and what it sends and receives is counted',
    async () => {
      let bytes = 0;
      const sink = createServer((socket) => {
        socket.on('data', (data) => {
          bytes += data.length;
        });
        socket.on('error', () => undefined);
      });
      sink.listen(0, OUTSIDE);
      await once(sink, 'listening');
      const { port } = sink.address() as AddressInfo;
      const passed = new Map<string, NetworkTraffic>();
      await watchUsage((unit) => {
        if (unit.task && unit.network) passed.set(unit.task.taskId, unit.network);
      });
      const send = `exec '${process.execPath}' -e "const socket = require('net').connect(${port}, '${OUTSIDE}'); const block = Buffer.alloc(65536); const more = () => { while (socket.write(block)); socket.once('drain', more); }; more(); setTimeout(() => process.exit(), 5000)"`;
      const sent = async (taskId: string, scalars: Record<string, number>): Promise<number> => {
        const before = bytes;
        await leader.order(
          aShellTask(taskId, send, { resources: resources(scalars), network: 'private' }),
        );
        expect(await leader.ended(taskId)).toMatchObject({ state: 'finished' });
        return bytes - before;
      };
      const slow = await sent('slow', { network_bandwidth: 8000 });
      const fast = await sent('fast', { network_bandwidth: 80_000 });
      sink.close();
      // A megabyte a second, for five seconds and what the queue lets through at once.
      expect(slow).toBeGreaterThan(500_000);
      expect(slow).toBeLessThan(7_000_000);
      // Agents tell it every two seconds: a part of what was sent, with the answers to it.
      const { outBytes, outPackets, inPackets } = passed.get('slow') ?? {};
      expect(outBytes).toBeGreaterThan(100_000);
      expect(outBytes).toBeLessThan(slow * 1.2);
      expect(outPackets).toBeGreaterThan(1);
      expect(inPackets).toBeGreaterThan(1);
      expect(passed.get('fast')?.outBytes).toBeGreaterThan(outBytes ?? 0);
      expect(fast).toBeGreaterThan(3 * slow);
    },
    WAIT_MS,
  );

  test(
    'an agent without such networks starts no task that wants one, and says what to do',
    async () => {
      await agent.end('SIGTERM');
      await startAgain();
      await leader.order(aShellTask('refused', 'true', { network: 'private' }));
      const { state, reason, message } = await leader.ended('refused');
      expect({ state, reason }).toEqual({ state: 'failed', reason: 'launchFailed' });
      expect(message).toContain('start it with --task-network');
    },
    WAIT_MS,
  );
});
