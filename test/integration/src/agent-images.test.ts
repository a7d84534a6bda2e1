// Tasks with images on a real agent: made here of this host's programs, as a layout of two layers, from a directory and from a
// server on loopback.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { copyPrograms, makeLayout, packed, sha256 } from '@parley/agent/images/made-layout';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

const OK = { ok: true, value: {} };
const POLL = { timeout: WAIT_MS, interval: 100 };
const PROGRAMS = ['/bin/sh', '/bin/ls', '/bin/cat', '/bin/sleep', '/bin/id'];

describe.runIf(process.getuid?.() === 0)('on an agent that is root', () => {
  let bus: BusFixture;
  let leader: PlayedLeader;
  let agent: AgentUnderTest;
  /** Holds `layout`. */
  let directory: string;
  let digest: string;
  let served: string;
  let fetched: string[] = [];
  const server = createServer((request, response) => {
    fetched.push(request.url ?? '');
    const file = path.join(directory, request.url ?? '');
    if (existsSync(file) && statSync(file).isFile()) response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  const options = (): string[] => ['--fetch-addresses', 'any', '--fetch-from', directory];

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'parley-served-'));
    const programs = packed(
      (root) => {
        copyPrograms(root, PROGRAMS);
        mkdirSync(path.join(root, 'opt/open'), { recursive: true });
        chmodSync(path.join(root, 'opt/open'), 0o777);
        for (const name of ['old', 'new']) writeFileSync(path.join(root, 'opt', name), 'below\n');
      },
      ...['--mode=a+rX', '--gzip'],
    );
    const above = packed(
      (root) => {
        mkdirSync(path.join(root, 'opt/tools'), { recursive: true });
        writeFileSync(path.join(root, 'opt/.wh.old'), '');
        writeFileSync(path.join(root, 'opt/new'), 'above\n');
        writeFileSync(path.join(root, 'opt/tools/tell'), '#!/bin/sh\ncat /opt/new\n', {
          mode: 0o755,
        });
      },
      ...['--mode=a+rX'],
    );
    const layout = path.join(directory, 'layout');
    mkdirSync(layout);
    const environment = ['PATH=/opt/tools:/bin', 'COLOUR=blue', 'SIZE=small'];
    ({ digest } = makeLayout(layout, [programs, above], { environment }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    served = `http://127.0.0.1:${(server.address() as AddressInfo).port}/layout`;
    bus = await startBus('reference');
    leader = await PlayedLeader.lead(bus);
    agent = new AgentUnderTest(bus, 'auto').start(...options(), '--task-users', 'root');
    await leader.registered();
  }, WAIT_MS);
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }, WAIT_MS);

  const source = (): string => `file://${directory}/layout`;
  const image = (from = source()): { image: { source: string; digest: string } } => ({
    image: { source: from, digest },
  });

  test(
    'a task finds the files, programs and variables of its image, and none of the host’s',
    async () => {
      const script =
        'tell; ls /opt; echo $COLOUR $SIZE $HOME; id -u; [ -e /root ] || [ -e /usr ] || echo alone';
      const command = { argv: ['sh', '-c', script], environment: { SIZE: 'large' } };
      expect(await leader.order(aShellTask('sees', '', { ...image(), command }))).toEqual(OK);
      expect(await leader.ended('sees')).toMatchObject({ state: 'finished' });
      const [told, ...said] = agent.stdoutOf('sees').trim().split('\n');
      const sandbox = path.join(agent.workDirectory, 'sandboxes/alice/fw/sees');
      expect([told, ...said.slice(0, 4)]).toEqual([
        ...['above', 'new', 'open', 'tools', `blue large ${sandbox}`],
      ]);
      expect(Number(said[4])).toBeGreaterThanOrEqual(1_900_000_000);
      expect(said[5]).toBe('alone');
    },
    WAIT_MS,
  );

  test(
    'a task with an image is not root, where its agent lists root too',
    async () => {
      await leader.order(aShellTask('as-root', 'id -u', { ...image(), user: 'root' }));
      expect(await leader.ended('as-root')).toMatchObject({
        ...{ state: 'failed', reason: 'launchFailed', cause: { kind: 'notConfined' } },
        message: expect.stringContaining('a task with an image cannot be root'),
      });
      expect(agent.stdoutOf('as-root')).toBe('');
    },
    WAIT_MS,
  );

  test(
    'a task with an image has directories of its host that it is given, and none that holds what is hidden',
    async () => {
      const given = path.join(directory, 'given');
      for (const name of ['data', 'secret']) mkdirSync(path.join(given, name), { recursive: true });
      writeFileSync(path.join(given, 'data/words'), 'of the host\n');
      await agent.end('SIGKILL');
      const policy = ['--host-volumes', given, '--confine-hide', path.join(given, 'secret')];
      leader.awaitsNobody();
      agent.start(...options(), ...policy);
      await leader.registered();
      const asking = (hostPath: string) => ({
        ...image(),
        hostVolumes: [{ hostPath, path: 'in/here' }],
      });
      await leader.order(
        aShellTask('given', 'cat in/here/words', asking(path.join(given, 'data'))),
      );
      expect(await leader.ended('given')).toMatchObject({ state: 'finished' });
      expect(agent.stdoutOf('given')).toBe('of the host\n');
      await leader.order(aShellTask('secret', 'ls in/here', asking(given)));
      expect(await leader.ended('secret')).toMatchObject({
        ...{ state: 'failed', reason: 'launchFailed' },
        message: expect.stringContaining('what no task may see'),
      });
    },
    WAIT_MS,
  );

  test(
    'the image comes from a server likewise; one that is here by its digest is not fetched again',
    async () => {
      await agent.end('SIGKILL');
      rmSync(path.join(agent.workDirectory, 'images'), { recursive: true });
      leader.awaitsNobody();
      agent.start(...options());
      await leader.registered();
      for (const name of ['first', 'second']) {
        fetched = [];
        await leader.order(aShellTask(name, 'tell', image(served)));
        expect(await leader.ended(name)).toMatchObject({ state: 'finished' });
        expect(agent.stdoutOf(name)).toBe('above\n');
        expect(fetched).toHaveLength(name === 'first' ? 4 : 0);
      }
    },
    WAIT_MS,
  );

  test(
    'what is not the image that was asked for, or cannot be had, fails the task with its cause',
    async () => {
      const other = sha256('another');
      const blob = path.join(directory, 'layout/blobs', digest.replace(':', '/'));
      const wrong = path.join(directory, 'layout/blobs', other.replace(':', '/'));
      writeFileSync(wrong, readFileSync(blob));
      await leader.order(
        aShellTask('mismatch', 'tell', { image: { source: source(), digest: other } }),
      );
      await leader.order(aShellTask('forbidden', 'tell', { image: { source: 'file:///etc' } }));
      const failed = { state: 'failed', reason: 'inputsFailed', cause: { kind: 'fetchFailed' } };
      expect(await leader.ended('mismatch')).toMatchObject({
        ...failed,
        message: `image ${source()}: its blob ${other} is not what its name says, but ${digest}`,
      });
      expect(await leader.ended('forbidden')).toMatchObject({
        ...failed,
        message: expect.stringContaining('no such file below a directory that this agent fetches'),
      });
      rmSync(wrong);
    },
    WAIT_MS,
  );

  test(
    'a program that the image does not have is not found, though the host has it',
    async () => {
      const command = { argv: ['/usr/bin/env'] };
      await leader.order(aShellTask('absent', '', { ...image(), command }));
      expect(await leader.ended('absent')).toMatchObject({
        ...{ state: 'failed', reason: 'launchFailed', cause: { kind: 'commandNotFound' } },
      });
    },
    WAIT_MS,
  );

  test(
    'a task outlives a kill -9 of its agent, is checked in its image before and after it, and the store stays',
    async () => {
      const often = { delayMs: 0, intervalMs: 200, timeoutMs: 5000, graceMs: WAIT_MS };
      const probe = { kind: 'command' as const, command: { argv: ['sh', '-c', 'tell > probed'] } };
      const script = 'echo mine > /tmp/note; until [ -e go ]; do sleep 0.1; done; cat /tmp/note';
      const task = { ...image(), healthCheck: { ...often, probe } };
      await leader.order(aShellTask('stays', script, task));
      const healthy = async (): Promise<boolean | undefined> =>
        (await leader.history('stays')).at(-1)?.healthy;
      await expect.poll(healthy, POLL).toBe(true);
      expect(agent.sandboxFile('stays', 'probed')).toBe('above\n');
      await agent.end('SIGKILL');
      fetched = [];
      // It may keep nothing that no task uses.
      leader.awaitsNobody();
      agent.start(...options(), '--image-store', '0');
      await leader.registered();
      agent.write('sandboxes/alice/fw/stays/probed', '');
      await expect.poll(() => agent.sandboxFile('stays', 'probed'), POLL).toBe('above\n');
      await leader.order(aShellTask('beside', 'cat /tmp/note 2> /dev/null; tell', image(served)));
      await leader.ended('beside');
      expect([agent.stdoutOf('beside'), fetched]).toEqual(['above\n', []]);
      agent.touch('stays', 'go');
      expect(await leader.ended('stays')).toMatchObject({ state: 'finished' });
      expect(agent.stdoutOf('stays')).toBe('mine\n');
    },
    2 * WAIT_MS,
  );

  test(
    'after its last task an image goes where nothing is to be kept, and no mount is left',
    async () => {
      const images = (): string[] => readdirSync(path.join(agent.workDirectory, 'images'));
      await agent.end('SIGKILL');
      leader.awaitsNobody();
      agent.start(...options(), '--image-store', '0');
      await leader.registered();
      // A scope may outlive its task for a moment: then it is the look a minute later.
      await expect.poll(images, { ...POLL, timeout: 2 * WAIT_MS }).toEqual(['unfinished']);
      const enter = path.join(agent.workDirectory, 'systemd');
      const pids = execFileSync('pgrep', ['-f', enter], { encoding: 'utf8' }).split('\n');
      expect(pids.length).toBeGreaterThan(0);
      for (const pid of ['self', ...pids.filter((each) => each !== '')]) {
        const file = `/proc/${pid}/mounts`;
        if (existsSync(file)) expect(readFileSync(file, 'utf8')).not.toContain('overlay');
      }
    },
    3 * WAIT_MS,
  );

  test(
    'what a task writes to its root filesystem counts as its disk',
    async () => {
      await agent.end('SIGKILL');
      leader.awaitsNobody();
      agent.start(...options(), '--disk-check', '1');
      await leader.registered();
      const script = 'while :; do cat /bin/sh >> /opt/open/much; sleep 0.05; done';
      const resources = { scalars: { cpus: 500, mem: 64_000, disk: 1000 } };
      await leader.order(aShellTask('fills', script, { ...image(), resources }));
      expect(await leader.ended('fills')).toMatchObject({
        ...{ state: 'failed', reason: 'diskFull', cause: { kind: 'diskLimit', limit: 1 } },
      });
    },
    WAIT_MS,
  );

  test(
    'a custom executor has its image too',
    async () => {
      const executor = {
        executorId: 'e1',
        command: { argv: ['sh', '-c', 'tell > told'] },
        ...image(),
      };
      await leader.order({
        taskId: 'inside',
        resources: { scalars: { cpus: 100, mem: 32_000 } },
        executor,
      });
      expect(await leader.ended('inside')).toMatchObject({ reason: 'executorExited' });
      const sandboxes = path.join(agent.workDirectory, 'executor-sandboxes');
      const [sandbox = ''] = readdirSync(sandboxes);
      expect(readFileSync(path.join(sandboxes, sandbox, 'told'), 'utf8')).toBe('above\n');
    },
    WAIT_MS,
  );

  test(
    'an agent that does not confine its tasks refuses those with images, and runs none of the host’s programs for them',
    async () => {
      await agent.end('SIGKILL');
      leader.awaitsNobody();
      agent.start(...options(), '--confine', 'none');
      await leader.registered();
      await leader.order(aShellTask('unconfined', 'echo ran', image()));
      expect(await leader.ended('unconfined')).toMatchObject({
        ...{ state: 'failed', reason: 'launchFailed', cause: { kind: 'notConfined' } },
        message: expect.stringContaining('takes an agent that is root, and confines its tasks'),
      });
      expect(agent.stdoutOf('unconfined')).toBe('');
    },
    WAIT_MS,
  );
});
