// Where this host's cgroup hierarchies are mounted and in which group of each a process is, from
// /proc/self/mountinfo and /proc/self/cgroup (cgroups(7)). It reads text; it changes no group.

import path from 'node:path';

export type CgroupLayout = 'legacy' | 'hybrid' | 'unified' | 'none';

export type Hierarchy = {
  /** The mount option that names a v1 hierarchy (`memory`, `cpu,cpuacct`, `name=systemd`); `unified` for v2. */
  readonly option: string;
  readonly mountPoint: string;
  /** The directory of the group that the process is in. */
  readonly ownGroup: string;
};

export type CgroupMounts = {
  readonly layout: CgroupLayout;
  readonly hierarchies: readonly Hierarchy[];
};

type Mount = { readonly root: string; readonly mountPoint: string; readonly controllers: string[] };

const V1_FLAGS = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'none']);

export function parseCgroupMounts(mountInfo: string, selfCgroup: string): CgroupMounts {
  const mounts = mountInfo.split('\n').flatMap(parseMount);
  const hierarchies = selfCgroup.split('\n').flatMap((line) => {
    const [, controllers, ...rest] = line.split(':');
    if (controllers === undefined || rest.length === 0) return [];
    const option = controllers === '' ? 'unified' : controllers;
    const mount = mounts.find((each) => isSameSet(each.controllers, option.split(',')));
    return mount === undefined ? [] : [hierarchyOf(option, mount, rest.join(':'))];
  });
  return { layout: layoutOf(hierarchies), hierarchies };
}

function hierarchyOf(option: string, mount: Mount, group: string): Hierarchy {
  return { option, mountPoint: mount.mountPoint, ownGroup: directoryOf(mount, group) };
}

function directoryOf(mount: Mount, group: string): string {
  // A process that nsenter brought in may be in a group outside its cgroup namespace, which no path here reaches.
  if (group.startsWith('/..')) return mount.mountPoint;
  // A container's mount shows only a part of the hierarchy: its root is not the hierarchy's.
  const relative = path.relative(mount.root, group);
  return path.join(mount.mountPoint, relative.startsWith('..') ? group : relative);
}

// proc(5): id parent major:minor root mount-point options optional... - type source super-options
function parseMount(line: string): Mount[] {
  const [head = '', tail = ''] = line.split(' - ');
  const [, , , root = '', mountPoint = ''] = head.split(' ');
  const [type, , superOptions = ''] = tail.split(' ');
  if (type === 'cgroup2') return [{ root, mountPoint, controllers: ['unified'] }];
  if (type !== 'cgroup') return [];
  const controllers = superOptions
    .split(',')
    .filter((each) => !V1_FLAGS.has(each) && !each.startsWith('release_agent='));
  return [{ root, mountPoint, controllers }];
}

function layoutOf(hierarchies: readonly Hierarchy[]): CgroupLayout {
  const unified = hierarchies.find((each) => each.option === 'unified');
  const hasV1 = hierarchies.some((each) => each.option !== 'unified');
  if (unified === undefined) return hasV1 ? 'legacy' : 'none';
  return hasV1 ? 'hybrid' : 'unified';
}

function isSameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((each) => right.includes(each));
}
