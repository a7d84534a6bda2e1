// Owns whether this machine can run the lab, and if not, why: root, namespaces, a systemd of its own for each agent, and the
// programs that cut links and shift clocks.
import { probeHost } from '@parley/isolation/host-probe';
import { detectIsolation } from '@parley/isolation/host-support';
import { runCommand } from '@parley/isolation/run-command';
import { findFaketime } from '@parley/setup/chaos-tools';

const PROGRAMS = ['ip', 'nft', 'nsenter', 'mount', 'umount'];

/** Undefined where everything is there. */
export async function whatIsMissing(): Promise<string | undefined> {
  if (process.platform !== 'linux') return `the system is ${process.platform}, not Linux`;
  if (process.getuid?.() !== 0) return 'only root may make network namespaces';
  for (const program of PROGRAMS) {
    const found = await runCommand(['sh', '-c', `command -v ${program}`]);
    if (found.code !== 0) return `the program ${program} is not installed`;
  }
  if (findFaketime() === undefined) return 'libfaketime is not installed';
  const support = detectIsolation(await probeHost());
  if (support.kind === 'unsupported') return support.reason;
  if (support.kind !== 'private-systemd')
    return 'agents would share the systemd of this machine: it has one as PID 1';
  const tried = await runCommand(['unshare', '--net', 'nft', 'add', 'table', 'inet', 'chaos']);
  return tried.code === 0
    ? undefined
    : `namespaces of the network with rules of their own cannot be made: ${tried.stderr.trim()}`;
}
