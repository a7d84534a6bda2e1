// Owns how the tasks of a local cluster are confined: what the host supports, or plain processes when they were
// asked for by name. It stops a start before anything was started.
import { probeHost } from '@parley/isolation/host-probe';
import { detectIsolation, type IsolationSupport } from '@parley/isolation/host-support';
import { CommandFailure, EXIT } from '../command-failure.ts';

export const ISOLATION_CHOICES = ['auto', 'process'] as const;
export type IsolationChoice = (typeof ISOLATION_CHOICES)[number];

export type Isolation =
  | { readonly kind: 'process' }
  | Exclude<IsolationSupport, { readonly kind: 'unsupported' }>;

/** Throws when the host supports none and plain processes were not asked for. */
export async function chooseIsolation(choice: IsolationChoice): Promise<Isolation> {
  if (choice === 'process') return { kind: 'process' };
  const support = detectIsolation(await probeHost());
  if (support.kind !== 'unsupported') return support;
  throw new CommandFailure(EXIT.failed, {
    what: 'tasks cannot be confined on this host; nothing was started',
    why: support.reason,
    remedy: `${support.remedy} (npm start -- --isolation process)`,
  });
}

export function describeIsolation(isolation: Isolation): string {
  switch (isolation.kind) {
    case 'system-systemd':
      return `scopes of systemd ${isolation.systemdVersion}`;
    case 'user-systemd':
      return `scopes of this user's systemd ${isolation.systemdVersion}`;
    case 'private-systemd':
      return `scopes of a private systemd ${isolation.systemdVersion} (PID 1 is something else)`;
    case 'process':
      return 'plain processes WITHOUT limits, as asked for';
  }
}
