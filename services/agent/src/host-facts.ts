// Owns what an agent finds out about its host by itself, out of what the kernel and the distribution show in files: facts that
// its offers show as attributes, and the graphics processors. What is offered of it is in host-resources.ts.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseCgroupMounts } from '@parley/isolation/cgroup-mounts';
import { parseCpuList } from '@parley/isolation/cpu-list';
import type { Attributes } from '@parley/protocol/offers';

/** Paths. */
export type FactFiles = {
  /** os-release(5). */
  readonly osRelease: string;
  /** proc(5). */
  readonly proc: string;
  /** The kernel's drivers of AMD's compute devices: a folder for each node of the topology. */
  readonly amdNodes: string;
};

export const HOST_FACT_FILES: FactFiles = {
  osRelease: '/etc/os-release',
  proc: '/proc',
  amdNodes: '/sys/class/kfd/kfd/topology/nodes',
};

const CGROUP_MODES = { unified: 'v2', hybrid: 'hybrid', legacy: 'v1', none: '' } as const;
/** Of a value; the protocol allows more. */
const MAX_CHARACTERS = 128;

/**
 * `os` (`debian-12`), `kernel` (`6.1.0-28-amd64`), `cpu` (the model), `cgroup` (`v2`, `hybrid` or `v1`); what no file tells is
 * left out.
 */
export function hostAttributes({ osRelease, proc }: FactFiles): Attributes {
  const mountInfo = textOf(path.join(proc, 'self/mountinfo'));
  const group = textOf(path.join(proc, 'self/cgroup'));
  const found = {
    os: distribution(textOf(osRelease)),
    kernel: textOf(path.join(proc, 'sys/kernel/osrelease')),
    cpu: /^model name\s*:(.*)$/m.exec(textOf(path.join(proc, 'cpuinfo')))?.[1],
    cgroup: CGROUP_MODES[parseCgroupMounts(mountInfo, group).layout],
  };
  const told = Object.entries(found).map(([name, value = '']) => [name, plain(value)]);
  return Object.fromEntries(told.filter(([, value]) => value !== ''));
}

/** What an operator says counts; a fact that is said to be nothing is left out. */
export function withDetected(detected: Attributes, told: Attributes): Attributes {
  const all = Object.entries({ ...detected, ...told });
  return Object.fromEntries(
    all.filter(([name, value]) => value !== '' || !Object.hasOwn(detected, name)),
  );
}

/** Devices of NVIDIA and AMD that their drivers have taken; a screen's simple adapter is none. */
export function countGpus({ proc, amdNodes }: FactFiles): number {
  const nvidia = namesOf(path.join(proc, 'driver/nvidia/gpus')).length;
  // Processors stand there too, with the id 0.
  const isGpu = (node: string): boolean => Number(textOf(path.join(amdNodes, node, 'gpu_id'))) > 0;
  return nvidia + namesOf(amdNodes).filter(isGpu).length;
}

/** Those that this process may run on, as its service manager or its container allows; empty where the kernel does not tell. */
export function ownCpus({ proc }: Pick<FactFiles, 'proc'>): number[] {
  const status = textOf(path.join(proc, 'self/status'));
  return parseCpuList(/^Cpus_allowed_list:(.*)$/m.exec(status)?.[1] ?? '') ?? [];
}

function distribution(text: string): string | undefined {
  const value = (name: string): string | undefined =>
    new RegExp(`^${name}=["']?([^"'\n]*)["']?$`, 'm').exec(text)?.[1];
  const id = value('ID');
  const version = value('VERSION_ID');
  return id !== undefined && version !== undefined ? `${id}-${version}` : id;
}

/** One line without control characters. */
function plain(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MAX_CHARACTERS);
}

/** Hosts differ in what they have. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function namesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
