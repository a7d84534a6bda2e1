// Owns the loops that launches are compared with: `systemd-run --scope` from shells, with the properties that an agent gives
// its tasks, as many at a time as an agent has in flight, on the systemd that the agents use.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { clusterPaths } from '@parley/cli/local-cluster/cluster-paths';
import type { Isolation } from '@parley/cli/local-cluster/isolation-choice';
import { confiningWords } from '@parley/isolation/confinement';
import { probeHost } from '@parley/isolation/host-probe';
import { findPrivateSystemd } from '@parley/isolation/private-systemd';
import { scopeArguments } from '@parley/isolation/systemd-run-launcher';
import { cgroupModeOf } from '@parley/isolation/unit-properties';
import type { ClusterName } from '@parley/protocol/ids';

const run = promisify(execFile);

/** An agent has as many launches in flight (spawner.ts). */
const PARALLEL_LAUNCHES = 6;
/** Any user that is not root, as an agent's frameworks have. */
const OWNER = { userId: 1_900_000_000, groupId: 1_900_000_000 };
const PLACE = '/var/tmp';

export type BareLoop = {
  /** Seconds that so many launches of `true` took; `confined`: with what confines a task by default before it. */
  readonly launch: (count: number, confined: boolean) => Promise<number>;
};

/** Rejects where there is no systemd to compare with. */
export async function bareLoop(plan: {
  readonly directory: string;
  readonly cluster: ClusterName;
  readonly isolation: Isolation;
}): Promise<BareLoop> {
  const { shell, isUser, systemdVersion } = await reachSystemd(plan);
  const facts = await probeHost();
  const owner = facts.isRoot ? OWNER : undefined;
  const confinement = { owner, places: [] };
  const request = {
    ...{ unit: 'bare', runDirectory: '/', sandboxDirectory: PLACE, command: ['true'] },
    ...{ environment: {}, stdoutPath: '/', stderrPath: '/' },
    confinement,
    limits: { cpuMillis: 250, memoryMib: 32, pidsMax: 2048 },
  };
  const cgroupMode = cgroupModeOf(facts.cgroupLayout);
  const properties = scopeArguments(request, {
    slice: 'bare',
    systemdVersion,
    cgroupMode,
    io: { lacks: 'nothing asks for it' },
  }).filter((word) => !word.startsWith('--unit='));
  const own = { sandboxDirectory: PLACE, temporaryDirectory: PLACE };
  const confining = confiningWords(confinement, own);
  return {
    async launch(count, confined) {
      const words = [
        ...['systemd-run', ...(isUser ? ['--user'] : []), ...properties, '--'],
        ...(confined ? confining : []),
        ...(confined ? ['/usr/bin/env', '-i', 'true'] : ['true']),
      ];
      const each = Math.ceil(count / PARALLEL_LAUNCHES);
      const [program = '', ...rest] = [...shell, LOOPS, 'sh', String(each), ...words];
      const beganMs = performance.now();
      await run(program, rest);
      return ((performance.now() - beganMs) / 1000) * (count / (each * PARALLEL_LAUNCHES));
    },
  };
}

/** So many loops beside each other; fails when a launch fails. */
const LOOPS = `
each=$1
shift
loop() { i=0; while [ $i -lt $each ]; do "$@" || exit 1; i=$((i+1)); done; }
pids=
for number in $(seq ${PARALLEL_LAUNCHES}); do loop "$@" & pids="$pids $!"; done
for pid in $pids; do wait $pid || exit 1; done
`;

type Systemd = {
  /** A shell where `systemd-run` reaches the systemd that the agents use. */
  readonly shell: readonly string[];
  readonly isUser: boolean;
  readonly systemdVersion: number;
};

async function reachSystemd(plan: Parameters<typeof bareLoop>[0]): Promise<Systemd> {
  const { directory, cluster, isolation } = plan;
  const plain = ['sh', '-c'];
  const { systemdVersion = 0 } = await probeHost();
  switch (isolation.kind) {
    case 'system-systemd':
      return { shell: plain, isUser: false, systemdVersion };
    case 'user-systemd':
      return { shell: plain, isUser: true, systemdVersion };
    case 'private-systemd': {
      const systemd = await findPrivateSystemd(clusterPaths(directory, cluster).systemd);
      if (systemd === undefined) throw new Error('the private systemd is not there');
      return { shell: [...systemd.enterCommand, ...plain], isUser: false, systemdVersion };
    }
    case 'process':
      throw new Error('without systemd there is nothing to compare with');
  }
}
