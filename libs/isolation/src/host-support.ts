// Decides how tasks are confined on a host, from facts about it. The decision is pure; host-probe.ts gathers the
// facts. It never settles for plain processes: an operator must ask for those by name (design 6).

import type { CgroupLayout } from './cgroup-mounts.ts';

export type HostFacts = {
  readonly platform: string;
  readonly isRoot: boolean;
  /** Name of the process with pid 1. */
  readonly initName: string;
  /** /run/systemd/system exists: systemd runs as the system's manager (sd_booted(3)). */
  readonly systemdBooted: boolean;
  /** From `systemd-run --version`; undefined where it is not installed. */
  readonly systemdVersion: number | undefined;
  /** Programs that are needed for one way or another and are not there. */
  readonly missingPrograms: readonly string[];
  readonly cgroupLayout: CgroupLayout;
  /** Controllers that limits are kept by and that can be used below this process's own group. */
  readonly controllers: readonly string[];
  /** Those that the system's manager can use: of all hierarchies, on v2 of the root group. */
  readonly systemControllers: readonly string[];
  /** A v1 hierarchy `name=systemd` is mounted: where there is v1, systemd keeps its units there. */
  readonly hasSystemdHierarchy: boolean;
  readonly cgroupsWritable: boolean;
  /** The namespaces of a private systemd can be made and mounted in (tried). */
  readonly canUnshare: boolean;
  /** The user's own manager answers and makes scopes (tried); undefined for root. */
  readonly userManager: UserManagerFacts | undefined;
};

export type UserManagerFacts = {
  readonly answers: boolean;
  /** Controllers that the system hands down to it. */
  readonly controllers: readonly string[];
};

export type IsolationSupport =
  | { readonly kind: 'system-systemd'; readonly systemdVersion: number }
  | { readonly kind: 'user-systemd'; readonly systemdVersion: number }
  | { readonly kind: 'private-systemd'; readonly systemdVersion: number }
  | { readonly kind: 'unsupported'; readonly reason: string; readonly remedy: string };

const REQUIRED_CONTROLLERS = ['cpu', 'memory', 'pids'];

export function detectIsolation(facts: HostFacts): IsolationSupport {
  if (facts.platform !== 'linux') {
    return unsupported(`the system is ${facts.platform}, not Linux`, 'Use a Linux host');
  }
  if (facts.systemdVersion === undefined) {
    return unsupported('systemd-run is not installed', 'Install the package systemd');
  }
  const { systemdVersion } = facts;
  const hostRunsSystemd = facts.initName === 'systemd' && facts.systemdBooted;
  if (hostRunsSystemd) {
    return facts.isRoot
      ? { kind: 'system-systemd', systemdVersion }
      : userSupport(facts, systemdVersion);
  }
  if (!facts.isRoot) {
    return unsupported(
      `PID 1 is ${facts.initName}, not systemd, and only root can start a private systemd`,
      'Run as root',
    );
  }
  return privateSupport(facts, systemdVersion);
}

/** What whoever makes the scopes may use, beyond what is required. */
export function scopeControllers(
  kind: Exclude<IsolationSupport['kind'], 'unsupported'>,
  facts: Pick<HostFacts, 'controllers' | 'systemControllers' | 'userManager'>,
): readonly string[] {
  switch (kind) {
    case 'system-systemd':
      return facts.systemControllers;
    case 'user-systemd':
      return facts.userManager?.controllers ?? [];
    case 'private-systemd':
      return facts.controllers;
  }
}

function userSupport(facts: HostFacts, systemdVersion: number): IsolationSupport {
  const { userManager } = facts;
  if (userManager === undefined || !userManager.answers) {
    return unsupported(
      'systemd makes no scopes for this user: the user manager does not answer on its bus',
      'Log in as the user itself, with dbus-user-session installed (or: loginctl enable-linger), or run as root',
    );
  }
  if (facts.cgroupLayout !== 'unified') {
    return unsupported(
      `the host uses cgroup v1 (${facts.cgroupLayout}), which cannot be delegated to a user`,
      'Boot with systemd.unified_cgroup_hierarchy=1, or run as root',
    );
  }
  const missing = missingControllers(userManager.controllers);
  if (missing.length > 0) {
    return unsupported(
      `systemd does not delegate ${missing.join(', ')} to this user`,
      'Set Delegate=cpu memory pids for user@.service, or run as root',
    );
  }
  return { kind: 'user-systemd', systemdVersion };
}

function privateSupport(facts: HostFacts, systemdVersion: number): IsolationSupport {
  const missing = missingControllers(facts.controllers);
  if (facts.missingPrograms.length > 0) {
    return unsupported(
      `PID 1 is ${facts.initName}, and a private systemd needs ${facts.missingPrograms.join(', ')}`,
      'Install the packages systemd and util-linux',
    );
  }
  if (facts.cgroupLayout === 'none' || missing.length > 0) {
    const what = facts.cgroupLayout === 'none' ? 'any hierarchy' : missing.join(', ');
    return unsupported(
      `PID 1 is ${facts.initName}, and cgroups lack ${what} here`,
      'Mount the cgroup hierarchies with these controllers, free for this process to hand down',
    );
  }
  if (facts.cgroupLayout !== 'unified' && !facts.hasSystemdHierarchy) {
    return unsupported(
      'the cgroup v1 hierarchy name=systemd is not mounted',
      'mkdir -p /sys/fs/cgroup/systemd && mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd',
    );
  }
  if (!facts.cgroupsWritable) {
    return unsupported(
      'the cgroup hierarchies are mounted read-only',
      'Start the container with --privileged',
    );
  }
  if (!facts.canUnshare) {
    return unsupported(
      'this root may not make namespaces and mount in them',
      'Start the container with --privileged',
    );
  }
  return { kind: 'private-systemd', systemdVersion };
}

function missingControllers(controllers: readonly string[]): string[] {
  return REQUIRED_CONTROLLERS.filter((each) => !controllers.includes(each));
}

function unsupported(reason: string, remedy: string): IsolationSupport {
  return {
    kind: 'unsupported',
    reason,
    remedy: `${remedy}; or run tasks as plain processes, without limits, with --isolation process --confine default`,
  };
}
