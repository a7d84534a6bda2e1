// Which packages are named for the programs that a host lacks.
import { expect, test } from 'vitest';
import { missingPackages } from './system-tools.mjs';

test('a host with every program needs nothing', () => {
  expect(missingPackages((command) => `/usr/bin/${command}`)).toEqual([]);
});

test('a package is named once, however many of its programs are missing', () => {
  const withoutSystemd = (command: string) => (command.startsWith('system') ? undefined : command);
  expect(missingPackages(withoutSystemd)).toEqual(['systemd']);
  expect(missingPackages(() => undefined)).toEqual([
    'systemd',
    'util-linux',
    'mount',
    'bubblewrap',
  ]);
});
