// Tests reading and writing which CPUs, as the kernel and systemd write them.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cpuMask, formatCpuList, parseCpuList } from './cpu-list.ts';

it('ranges and numbers are read in order, once each', () => {
  expect(parseCpuList(' 4,0-2,1\n')).toEqual([0, 1, 2, 4]);
  expect(parseCpuList('\n')).toEqual([]);
});

it.each(['a', '1-', '0-99999', '1,,2', '-1'])('%s is no list of CPUs', (text) => {
  expect(parseCpuList(text)).toBeUndefined();
});

it('what is written is read again, and has a bit each', () => {
  const some = fc.uniqueArray(fc.nat({ max: 300 })).map((cpus) => cpus.sort((a, b) => a - b));
  const property = fc.property(some, (cpus) => {
    expect(parseCpuList(formatCpuList(cpus))).toEqual(cpus);
    const bits = cpuMask(cpus).flatMap((byte, index) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => 8 * index + bit),
    );
    expect(bits).toEqual(cpus);
  });
  fc.assert(property);
});
