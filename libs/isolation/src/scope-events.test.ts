// Tests reading the counters of a scope out of trees of files as cgroup v1 and v2 lay them out, recorded from kernels; those
// of real scopes are read in the integration tests.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { countersOf, memoryDeath, metPidsLimit } from './scope-events.ts';

const SCRIPT = fileURLToPath(new URL('./scope-events.sh', import.meta.url));
const NAMES = {
  oomKills: 'oom_kills',
  memoryHits: 'memory_hits',
  peakBytes: 'peak',
  limitBytes: 'limit',
  pidsHits: 'pids_hits',
  pidsPeak: 'pids_peak',
  pidsLimit: 'pids_limit',
  cpuNs: 'cpu_ns',
};
let group = '';
beforeEach(() => {
  group = mkdtempSync(path.join(tmpdir(), 'parley-events-'));
});
afterEach(() => rmSync(group, { recursive: true }));

/** The fields that the script reads when all groups are this one, with these files. */
function read(version: 1 | 2, files: Record<string, string>): Map<string, string> {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(group, name), text);
  const said = Object.entries(NAMES).map(([field, name]) => `${field}=$${name}`);
  const script = `. "$1"; memory_version=${version}
    memory_group=$2 cpu_group=$2 pids_group=$2
    read_pids_limit; read_counters; echo "${said.join('\n')}"`;
  const args = ['-c', script, 'sh', SCRIPT, group];
  const text = execFileSync('/bin/sh', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Map(
    text.split('\n').map((line): [string, string] => {
      const equals = line.indexOf('=');
      return [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

const pids = { 'pids.max': '67\n', 'pids.events': 'max 12\n', 'pids.peak': '67\n' };
const v2 = {
  'memory.max': '67108864\n',
  'memory.peak': '67100672\n',
  'memory.events': 'low 0\nhigh 0\nmax 311\noom 2\noom_kill 1\noom_group_kill 0\n',
  'cpu.stat': 'usage_usec 4200\nuser_usec 4000\nsystem_usec 200\n',
};
const v1 = {
  'memory.limit_in_bytes': '67108864\n',
  'memory.max_usage_in_bytes': '67108864\n',
  'memory.failcnt': '77\n',
  'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  'cpuacct.usage': '4200000\n',
};

it('on cgroup v2 a kill at the limit is told with limit and peak, and the limit on processes with its own', () => {
  const fields = read(2, { ...v2, ...pids });
  const counters = countersOf(fields);
  expect(memoryDeath(counters)).toBe('limit');
  expect(counters).toMatchObject({ limitBytes: 67_108_864, peakBytes: 67_100_672 });
  expect(metPidsLimit(counters)).toEqual({ limit: 64, peak: 64 });
  expect(fields.get('cpuNs')).toBe('4200000');
});

it('on cgroup v1 likewise', () => {
  const counters = countersOf(read(1, { ...v1, ...pids }));
  expect(memoryDeath(counters)).toBe('limit');
  expect(counters).toMatchObject({ limitBytes: 67_108_864, peakBytes: 67_108_864 });
  expect(metPidsLimit(counters)).toEqual({ limit: 64, peak: 64 });
});

it('a kill below the limit is the host’s want of memory, on both', () => {
  const events = 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\noom_group_kill 0\n';
  expect(memoryDeath(countersOf(read(2, { ...v2, 'memory.events': events })))).toBe('host');
  expect(memoryDeath(countersOf(read(1, { ...v1, 'memory.failcnt': '0\n' })))).toBe('host');
});

it('a limit that was met without a kill is no death', () => {
  const events = 'low 0\nhigh 0\nmax 9\noom 0\noom_kill 0\noom_group_kill 0\n';
  expect(memoryDeath(countersOf(read(2, { ...v2, 'memory.events': events })))).toBeUndefined();
});

it('no limit is told as none, and what an older kernel does not keep is left out', () => {
  const { 'memory.peak': _, ...older } = v2;
  const files = { ...older, 'memory.max': 'max\n', 'pids.max': 'max\n', 'pids.events': 'max 0\n' };
  const counters = countersOf(read(2, files));
  expect(counters).toMatchObject({ peakBytes: undefined, limitBytes: undefined });
  expect(metPidsLimit(counters)).toBeUndefined();
  expect(metPidsLimit({ ...counters, pidsHits: 1, pidsLimit: 13 })).toEqual({
    limit: 10,
    peak: 10,
  });
});

it('an end that an older release recorded is a death at the limit, as it was told then', () => {
  expect(memoryDeath(countersOf(new Map([['oomKills', '1']])))).toBe('limit');
});
