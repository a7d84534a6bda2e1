// Reading the mounts and groups of hosts of every layout, from text as their kernels print it.

import { expect, it } from 'vitest';
import { parseCgroupMounts } from './cgroup-mounts.ts';

const HYBRID_MOUNTS = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate`;

it('on a hybrid host each hierarchy leads to the group of the process in it', () => {
  const groups = '4:memory:/outer/inner\n3:cpu,cpuacct:/\n1:name=systemd:/a:b\n0::/x\n';
  const { layout, hierarchies } = parseCgroupMounts(HYBRID_MOUNTS, groups);
  expect(layout).toBe('hybrid');
  expect(hierarchies.map((each) => [each.option, each.ownGroup])).toEqual([
    ['memory', '/sys/fs/cgroup/memory/outer/inner'],
    ['cpu,cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
    ['name=systemd', '/sys/fs/cgroup/systemd/a:b'],
    ['unified', '/sys/fs/cgroup/unified/x'],
  ]);
});

it('in a container whose mount shows only its own part, the path starts at that part', () => {
  const mounts = '35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory';
  const { layout, hierarchies } = parseCgroupMounts(mounts, '4:memory:/docker/abc/sub\n');
  expect(layout).toBe('legacy');
  expect(hierarchies[0]?.ownGroup).toBe('/sys/fs/cgroup/memory/sub');
});

it('a process that was entered from outside its cgroup namespace counts as at the top of it', () => {
  const mounts = '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory';
  const { hierarchies } = parseCgroupMounts(mounts, '4:memory:/../other\n');
  expect(hierarchies[0]?.ownGroup).toBe('/sys/fs/cgroup/memory');
});

it('a host with cgroup v2 only is unified', () => {
  const mounts = '31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';
  const { layout, hierarchies } = parseCgroupMounts(mounts, '0::/user.slice\n');
  expect(layout).toBe('unified');
  expect(hierarchies).toEqual([
    {
      option: 'unified',
      mountPoint: '/sys/fs/cgroup',
      ownGroup: '/sys/fs/cgroup/user.slice',
    },
  ]);
});

it('a controller that is mounted nowhere is not a hierarchy to use', () => {
  expect(parseCgroupMounts('', '4:memory:/\n0::/\n')).toEqual({ layout: 'none', hierarchies: [] });
});
