// The decision table of host-support.ts, and that probing this very host gives facts it can decide on.

import { describe, expect, it } from 'vitest';
import { probeHost } from './host-probe.ts';
import { detectIsolation, type HostFacts, scopeControllers } from './host-support.ts';

const SYSTEMD_HOST: HostFacts = {
  platform: 'linux',
  isRoot: true,
  initName: 'systemd',
  systemdBooted: true,
  systemdVersion: 252,
  missingPrograms: [],
  cgroupLayout: 'unified',
  controllers: ['cpu', 'memory', 'pids'],
  systemControllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
  hasSystemdHierarchy: false,
  cgroupsWritable: true,
  canUnshare: true,
  userManager: undefined,
};

const OTHER_INIT: HostFacts = {
  ...SYSTEMD_HOST,
  initName: 'tini',
  systemdBooted: false,
  cgroupLayout: 'hybrid',
  hasSystemdHierarchy: true,
};

const A_USER: HostFacts = {
  ...SYSTEMD_HOST,
  isRoot: false,
  canUnshare: false,
  userManager: { answers: true, controllers: ['cpu', 'io', 'memory', 'pids'] },
};

describe('a host that can confine tasks', () => {
  it.each([
    ['root where systemd is PID 1', SYSTEMD_HOST, 'system-systemd'],
    [
      'root where systemd is PID 1, on cgroup v1',
      { ...SYSTEMD_HOST, cgroupLayout: 'legacy' },
      'system-systemd',
    ],
    ['root where PID 1 is something else, hybrid', OTHER_INIT, 'private-systemd'],
    [
      'root where PID 1 is something else, v1 only',
      { ...OTHER_INIT, cgroupLayout: 'legacy' },
      'private-systemd',
    ],
    [
      'root where PID 1 is something else, v2 only',
      { ...OTHER_INIT, cgroupLayout: 'unified', hasSystemdHierarchy: false },
      'private-systemd',
    ],
    ['a user whose manager has the controllers', A_USER, 'user-systemd'],
  ] as const)('%s gets what it needs', (_title, facts, kind) => {
    expect(detectIsolation(facts)).toEqual({ kind, systemdVersion: 252 });
  });
});

describe('a host that cannot', () => {
  it.each([
    ['another system', { ...SYSTEMD_HOST, platform: 'darwin' }, /darwin/],
    [
      'no systemd-run',
      { ...SYSTEMD_HOST, systemdVersion: undefined },
      /systemd-run is not installed/,
    ],
    ['a user without systemd as PID 1', { ...OTHER_INIT, isRoot: false }, /only root/],
    [
      'a user whose manager is silent',
      { ...A_USER, userManager: { answers: false, controllers: [] } },
      /does not answer/,
    ],
    ['a user without a manager', { ...A_USER, userManager: undefined }, /does not answer/],
    ['a user on cgroup v1', { ...A_USER, cgroupLayout: 'hybrid' }, /cgroup v1/],
    [
      'a user without the cpu controller',
      { ...A_USER, userManager: { answers: true, controllers: ['memory', 'pids'] } },
      /does not delegate cpu to/,
    ],
    [
      'a container with systemd only named so',
      { ...SYSTEMD_HOST, systemdBooted: false, canUnshare: false },
      /namespaces/,
    ],
    ['missing programs', { ...OTHER_INIT, missingPrograms: ['nsenter'] }, /needs nsenter/],
    ['no memory controller', { ...OTHER_INIT, controllers: ['cpu', 'pids'] }, /lack memory/],
    ['no cgroups', { ...OTHER_INIT, cgroupLayout: 'none', controllers: [] }, /lack any hierarchy/],
    ['v1 without name=systemd', { ...OTHER_INIT, hasSystemdHierarchy: false }, /name=systemd/],
    ['read-only cgroups', { ...OTHER_INIT, cgroupsWritable: false }, /read-only/],
    [
      'root without the right to make namespaces',
      { ...OTHER_INIT, canUnshare: false },
      /namespaces/,
    ],
  ] as const)(
    'with %s is told why and how to go on without confinement',
    (_title, facts, reason) => {
      const support = detectIsolation(facts);
      expect(support).toMatchObject({ kind: 'unsupported' });
      if (support.kind !== 'unsupported') return;
      expect(support.reason).toMatch(reason);
      expect(support.remedy).toContain('--isolation process');
    },
  );
});

it('probing a host answers with facts that name its first process and its user', async () => {
  const facts = await probeHost();
  expect(facts.platform).toBe(process.platform);
  expect(facts.isRoot).toBe(process.getuid?.() === 0);
  expect(facts.initName).not.toBe('');
});

it('who makes the scopes has the controllers: the system those of the host, others what is handed down to them', () => {
  expect(scopeControllers('system-systemd', SYSTEMD_HOST)).toContain('cpuset');
  expect(scopeControllers('private-systemd', OTHER_INIT)).toEqual(['cpu', 'memory', 'pids']);
  expect(scopeControllers('user-systemd', A_USER)).toEqual(['cpu', 'io', 'memory', 'pids']);
});
