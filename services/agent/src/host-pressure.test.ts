// Tests reading how long a host's tasks wait, on files as the kernel writes them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readPressure } from './host-pressure.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'parley-pressure-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('the share of the last ten seconds in which some task waited is read, for memory and CPU', () => {
  const write = (name: string, text: string): void =>
    writeFileSync(path.join(directory, name), text);
  write(
    'memory',
    'some avg10=12.50 avg60=3.00 avg300=1.00 total=21523\nfull avg10=2.00 avg60=0.00 avg300=0.00 total=4180\n',
  );
  write('cpu', 'some avg10=83.91 avg60=87.19 avg300=80.21 total=1400686981\n');
  expect(readPressure(directory)).toEqual({ memory: 12.5, cpu: 83.91 });
});

test('a kernel that tells none is no trouble', () => {
  expect(readPressure(directory)).toEqual({ memory: undefined, cpu: undefined });
});
