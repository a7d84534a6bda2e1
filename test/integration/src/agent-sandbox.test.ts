// What a real agent keeps of the sandboxes of its tasks, in real scopes: a task that fills the disk, or its volume, is ended with
// limit and peak, what tasks write to their outputs stays bounded whatever they do to it, and nothing holds an ended task.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type OutputStream, outputFile } from '@parley/isolation/kept-output';
import { runRootOf } from '@parley/isolation/sandbox';
import { unitNameFor } from '@parley/isolation/unit-name';
import { LogsResult } from '@parley/protocol/agents';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AgentUnderTest, agentId, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, cluster, startBus } from './bus-fixture.ts';
import { type Authority, issue, makeAuthority } from './certificates.ts';
import { eachLauncher, isRoot } from './each-launcher.ts';
import { PlayedLeader } from './played-leader.ts';

const MIB = 1024 * 1024;
const OUTPUT_LIMIT = 8 * MIB;
/** Whom curl of the host trusts, by its package. Root can put others in their place, for one process. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
const mayTrust = isRoot && existsSync(AUTHORITIES);
const TRUST = `mount --bind "$0" ${AUTHORITIES} && exec "$@"`;
const EVER = 'while :; do sleep 0.1; done';

eachLauncher(['direct', 'systemd-run'])('with --launcher %s', (launcher) => {
  let bus: BusFixture;
  let leader: PlayedLeader;
  let agent: AgentUnderTest;

  beforeAll(async () => {
    bus = await startBus('reference');
    leader = await PlayedLeader.lead(bus);
    const limits = ['--disk-check', '1', '--output-limit', '8MiB'];
    agent = new AgentUnderTest(bus, 'auto').start('--launcher', launcher, ...limits);
    await leader.registered();
  }, WAIT_MS);
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
  }, WAIT_MS);

  const outputOf = (taskId: string, stream: OutputStream = 'stdout'): string => {
    const unit = unitNameFor({ cluster, agentId, ...leader.task(taskId) });
    return outputFile(path.join(runRootOf(agent.workDirectory), unit), stream);
  };
  const onDisk = (taskId: string, stream?: OutputStream): number =>
    (statSync(outputOf(taskId, stream), { throwIfNoEntry: false })?.blocks ?? 0) * 512;

  /** A task writes so many MiB at once to one of its streams, of which the newest part is left. */
  async function expectBounded(taskId: string, stream: OutputStream, mib: number): Promise<void> {
    const much = `head -c ${mib}M /dev/zero | tr "\\0" x; echo; echo the last line`;
    await leader.order(aShellTask(taskId, stream === 'stdout' ? much : `{ ${much}; } >&2`));
    expect(await leader.ended(taskId)).toMatchObject({ state: 'finished' });
    await expect
      .poll(() => onDisk(taskId, stream), { timeout: WAIT_MS })
      .toBeLessThanOrEqual(OUTPUT_LIMIT);
    const read = async (offset: number): Promise<LogsResult> => {
      const answer = await leader.logs(taskId, stream, offset);
      if (!answer.ok) throw new Error(answer.failure.message);
      return LogsResult.parse(answer.value);
    };
    const size = mib * MIB + 15;
    expect(new TextDecoder().decode((await read(-15)).data)).toBe('\nthe last line\n');
    const begin = await read(0);
    expect(begin.size).toBe(size);
    expect(size - begin.offset).toBeLessThanOrEqual(OUTPUT_LIMIT);
    expect(new TextDecoder().decode(begin.data)).toMatch(/^x+$/);
  }

  test(
    'a task that fills the disk is killed at its limit, and its end tells limit and peak',
    async () => {
      const disk = { scalars: { cpus: 500, mem: 64_000, disk: 20_000 } };
      const fill = (mib: number): string => `head -c ${mib}M /dev/zero > deep/file; ${EVER}`;
      const filler = aShellTask('filler', `mkdir deep; ${fill(40)}`, { resources: disk });
      await leader.order(filler);
      const end = await leader.ended('filler');
      expect(end).toMatchObject({
        ...{ state: 'failed', reason: 'diskFull' },
        cause: { kind: 'diskLimit', limit: 20 },
        message: expect.stringMatching(/^its sandbox held \d+ MiB, more than its limit of 20 MiB$/),
      });
      expect(end.cause?.peak).toBeGreaterThan(20);
      const [last, before] = (await leader.history('filler')).toReversed();
      expect([before?.state, last?.state]).toEqual(['killing', 'failed']);
    },
    WAIT_MS,
  );

  test(
    'a limit above the request counts, and what a task links to, or did not ask a limit for, does not',
    async () => {
      const disk = { scalars: { cpus: 500, mem: 64_000, disk: 20_000 } };
      const write = 'head -c 40M /dev/zero > file; sleep 3';
      const volumes = [{ volumeId: 'store', path: 'store' }];
      const more = { resources: disk, limits: { disk: 60_000 } };
      await leader.order(aShellTask('more', write, more));
      const linked = 'head -c 40M /dev/zero > store/file; sleep 3; rm store/file';
      await leader.order(aShellTask('linked', linked, { resources: disk, volumes }));
      await leader.order(aShellTask('free', write));
      for (const taskId of ['more', 'linked', 'free'])
        expect(await leader.ended(taskId), taskId).toMatchObject({ state: 'finished' });
    },
    WAIT_MS,
  );

  test(
    'a task that fills its volume is killed at the size of that, and what it wrote stays',
    async () => {
      const volumes = [{ volumeId: 'small', path: 'small' }];
      const script = `head -c 40M /dev/zero > small/file; ${EVER}`;
      await leader.orderKeptTo(20, aShellTask('vessel', script, { volumes }));
      const end = await leader.ended('vessel');
      expect(end).toMatchObject({
        ...{ state: 'failed', reason: 'diskFull' },
        cause: { kind: 'diskLimit', limit: 20 },
        message: expect.stringMatching(
          /^its volume small held \d+ MiB, more than its limit of 20 MiB$/,
        ),
      });
      expect(end.cause?.peak).toBeGreaterThan(20);
      expect(agent.has('volumes/a+b/small/file')).toBe(true);
    },
    WAIT_MS,
  );

  test(
    'of a gigabyte that a task writes at once to its output the newest part stays, and can be read',
    () => expectBounded('flood', 'stdout', 1024),
    WAIT_MS,
  );

  test(
    'of what a task writes to its standard error the newest part stays likewise',
    () => expectBounded('complains', 'stderr', 64),
    WAIT_MS,
  );

  test(
    'a task that deletes its output, or puts a link in its place, is bounded and harms no other file',
    async () => {
      agent.write('precious', 'p'.repeat(100));
      const precious = path.join(agent.workDirectory, 'precious');
      const script = `rm stdout; ln -s ${precious} stdout; while :; do head -c 4M /dev/zero; sleep 0.05; done`;
      await leader.order(aShellTask('evader', script));
      await leader.untilState('evader', 'running');
      await expect
        .poll(() => statSync(outputOf('evader')).size, { timeout: WAIT_MS })
        .toBeGreaterThan(40 * MIB);
      await leader.kill('evader', 0);
      await leader.ended('evader');
      await expect
        .poll(() => onDisk('evader'), { timeout: WAIT_MS })
        .toBeLessThanOrEqual(OUTPUT_LIMIT);
      expect(statSync(precious)).toMatchObject({ size: 100 });
    },
    WAIT_MS,
  );

  test(
    'what holds the output open after the exit of the command goes with it, and holds up nobody',
    async () => {
      const script = '(setsid sh -c "while :; do echo held; sleep 0.1; done" &); echo gone; exit 3';
      await leader.order(aShellTask('holder', script));
      expect(await leader.ended('holder')).toMatchObject({ state: 'failed', exitCode: 3 });
      const { size } = statSync(outputOf('holder'));
      await leader.order(aShellTask('later', 'sleep 1'));
      await leader.ended('later');
      expect(statSync(outputOf('holder')).size).toBe(size);
    },
    WAIT_MS,
  );
});

describe('what is fetched, and how long it is kept', () => {
  let bus: BusFixture;
  let leader: PlayedLeader;
  let agent: AgentUnderTest;
  let directory: string;
  const server = createServer((request, response) => {
    if (request.url === '/hangs') return;
    if (request.url?.startsWith('/slow') === true) {
      slow += 1;
      setTimeout(() => response.end('slow'), 300);
      return;
    }
    response.end(readFileSync(path.join(directory, path.basename(request.url ?? ''))));
  });
  /** Times that something slow was asked for. */
  let slow = 0;
  let base: string;
  const trusted = makeAuthority('an authority that the host trusts');
  const tlsServers: ReturnType<typeof createTlsServer>[] = [];
  /** Times that anything was asked for over TLS. */
  let securely = 0;
  const options = ['--fetch-addresses', 'any', '--fetch-timeout', '3'];

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'parley-served-'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    bus = await startBus('reference');
    leader = await PlayedLeader.lead(bus);
    const file = path.join(directory, 'authority.pem');
    writeFileSync(file, trusted.certificate, { mode: 0o644 });
    const trusting = mayTrust ? ['unshare', '--mount', '--', 'sh', '-c', TRUST, file] : [];
    agent = new AgentUnderTest(bus, 'auto', trusting).start(...options);
    await leader.registered();
  }, WAIT_MS);
  afterAll(async () => {
    await agent?.close();
    await bus?.close();
    for (const each of [server, ...tlsServers]) {
      each.closeAllConnections();
      each.close();
    }
    rmSync(directory, { recursive: true, force: true });
  }, WAIT_MS);

  /** The address of something that a server has, whose certificate the authority signed. */
  async function behindTls(authority: Authority): Promise<string> {
    const { certificate: cert, key } = issue(authority, 'a server');
    const secure = createTlsServer({ cert, key }, (_, response) => {
      securely += 1;
      response.end('echo fetched securely\n');
    });
    tlsServers.push(secure);
    secure.listen(0, '127.0.0.1');
    await once(secure, 'listening');
    return `https://127.0.0.1:${(secure.address() as AddressInfo).port}/run`;
  }

  test(
    'a task finds what it named in its sandbox, unpacked, before it starts',
    async () => {
      execFileSync('sh', ['-c', 'mkdir bin; echo "echo fetched" > bin/run; tar -czf a.tgz bin'], {
        cwd: directory,
      });
      const uris = [{ value: `${base}/a.tgz`, cache: true }];
      await leader.order(aShellTask('fetches', 'sh bin/run', { uris }));
      expect(await leader.ended('fetches')).toMatchObject({ state: 'finished' });
      const answer = await leader.logs('fetches');
      if (!answer.ok) throw new Error(answer.failure.message);
      const { data } = LogsResult.parse(answer.value);
      expect(new TextDecoder().decode(data)).toBe('fetched\n');
    },
    WAIT_MS,
  );

  test(
    'nothing is fetched from a server whose certificate the host does not trust, and one sentence says so',
    async () => {
      const value = await behindTls(makeAuthority('an authority that nobody knows'));
      await leader.order(aShellTask('deceived', 'true', { uris: [{ value }] }));
      const end = await leader.ended('deceived');
      const why = `${value}: this host does not trust the certificate of the server: `;
      expect(end).toMatchObject({
        ...{ state: 'failed', reason: 'inputsFailed', cause: { kind: 'fetchFailed' } },
        message: expect.stringContaining(why),
      });
      expect(end.message).not.toMatch(/\n|curl/);
      expect(securely).toBe(0);
    },
    WAIT_MS,
  );

  test.runIf(mayTrust)(
    'a task finds what a server has whose certificate the host trusts',
    async () => {
      const uris = [{ value: await behindTls(trusted) }];
      await leader.order(aShellTask('secure', 'sh run', { uris }));
      expect(await leader.ended('secure')).toMatchObject({ state: 'finished' });
      expect(agent.stdoutOf('secure')).toBe('fetched securely\n');
      expect(securely).toBe(1);
    },
    WAIT_MS,
  );

  test(
    'a fetch that hangs, and an archive that leads out of the sandbox, fail the task with their cause',
    async () => {
      symlinkSync('/etc/passwd', path.join(directory, 'link'));
      execFileSync('tar', ['-cf', 'evil.tar', 'link'], { cwd: directory });
      const fetching = (name: string) => ({ uris: [{ value: `${base}/${name}` }] });
      await leader.order(aShellTask('hangs', 'true', fetching('hangs')));
      await leader.order(aShellTask('evil', 'true', fetching('evil.tar')));
      expect(await leader.ended('hangs')).toMatchObject({
        ...{ state: 'failed', reason: 'inputsFailed', cause: { kind: 'fetchTimeout' } },
        message: expect.stringContaining(`${base}/hangs: it did not come in time`),
      });
      expect(await leader.ended('evil')).toMatchObject({
        ...{ state: 'failed', reason: 'inputsFailed', cause: { kind: 'fetchFailed' } },
        message: expect.stringContaining('which leads out of it'),
      });
      expect((await leader.history('hangs')).map(({ state }) => state)).toEqual([
        'starting',
        'failed',
      ]);
    },
    WAIT_MS,
  );

  test(
    'for a task that is killed while it is fetched for, nothing more is fetched',
    async () => {
      const uris = Array.from({ length: 60 }, (_, index) => ({ value: `${base}/slow-${index}` }));
      await leader.order(aShellTask('waits', 'true', { uris }));
      await expect.poll(() => slow, { timeout: WAIT_MS }).toBeGreaterThan(0);
      await leader.kill('waits', 0);
      expect(await leader.ended('waits')).toMatchObject({ state: 'killed' });
      const asked = slow;
      await leader.order(aShellTask('after', 'sleep 3'));
      await leader.ended('after');
      expect(slow).toBe(asked);
    },
    WAIT_MS,
  );

  test(
    'a sandbox that is older than they may be is gone after a look, a younger one is not',
    async () => {
      for (const taskId of ['old', 'young']) {
        await leader.order(aShellTask(taskId, 'true'));
        await leader.ended(taskId);
      }
      const left = async (): Promise<string[]> => {
        await leader.watermark();
        return readdirSync(path.join(agent.workDirectory, 'tasks'));
      };
      await expect.poll(left, { timeout: WAIT_MS, interval: 500 }).toEqual([]);
      await agent.end('SIGKILL');
      leader.awaitsNobody();
      const before = new Date(Date.now() - 3 * 3_600_000);
      utimesSync(path.join(agent.workDirectory, 'sandboxes/alice/fw/old'), before, before);
      agent.start(...options, '--sandbox-keep-for', '2h');
      await leader.registered();
      await expect
        .poll(() => agent.has('sandboxes/alice/fw/old'), { timeout: WAIT_MS })
        .toBe(false);
      expect(agent.has('sandboxes/alice/fw/young')).toBe(true);
    },
    WAIT_MS,
  );
});
