// Tests what an agent finds out about its host, on files as kernels and distributions write them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { countGpus, hostAttributes, withDetected } from './host-facts.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-facts-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const files = () => ({
  osRelease: path.join(root, 'os-release'),
  proc: path.join(root, 'proc'),
  amdNodes: path.join(root, 'nodes'),
});
function write(file: string, text: string): void {
  const whole = path.join(root, file);
  mkdirSync(path.dirname(whole), { recursive: true });
  writeFileSync(whole, text);
}

test('distribution, kernel, processor and the kind of control groups are told', () => {
  write('os-release', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n');
  write('proc/sys/kernel/osrelease', '6.1.0-28-amd64\n');
  write('proc/cpuinfo', 'processor\t: 0\nmodel name\t: A Fast One @ 3 GHz\nflags\t: fpu\n');
  write('proc/self/mountinfo', '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');
  write('proc/self/cgroup', '0::/init.scope\n');
  expect(hostAttributes(files())).toEqual({
    os: 'debian-12',
    kernel: '6.1.0-28-amd64',
    cpu: 'A Fast One @ 3 GHz',
    cgroup: 'v2',
  });
});

test('a distribution without versions is told by its name, and what no file tells is left out', () => {
  write('os-release', "ID='arch'\n");
  write('proc/cpuinfo', 'processor\t: 0\nBogoMIPS\t: 50.00\n');
  expect(hostAttributes(files())).toEqual({ os: 'arch' });
});

test('control characters and endless names of a file do not get into offers', () => {
  write('os-release', `ID=a\u001b[31mb\nVERSION_ID=${'9'.repeat(2000)}\n`);
  const { os = '' } = hostAttributes(files());
  expect(os).toMatch(/^a \[31mb-9+$/);
  expect(os).toHaveLength(128);
});

test('what an operator says counts, and a fact that is said to be nothing is left out', () => {
  const detected = { os: 'debian-12', kernel: '6.1' };
  expect(withDetected(detected, { kernel: 'ours', rack: '7', note: '' })).toEqual({
    os: 'debian-12',
    kernel: 'ours',
    rack: '7',
    note: '',
  });
  expect(withDetected(detected, { kernel: '' })).toEqual({ os: 'debian-12' });
});

test('graphics processors that their drivers have taken are counted, processors beside them are not', () => {
  expect(countGpus(files())).toBe(0);
  write('proc/driver/nvidia/gpus/0000:01:00.0/information', '');
  write('proc/driver/nvidia/gpus/0000:02:00.0/information', '');
  write('nodes/0/gpu_id', '0\n');
  write('nodes/1/gpu_id', '50432\n');
  expect(countGpus(files())).toBe(3);
});
