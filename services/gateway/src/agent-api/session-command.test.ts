// Tests what a nested container of Mesos is here, and which cannot be.
import { expect, test } from 'vitest';
import { Untranslatable } from '../mesos/mesos-values.ts';
import { sessionCommand } from './session-command.ts';

type Launch = Parameters<typeof sessionCommand>[0];
const launch = (more: Partial<Launch>): Launch => ({ container_id: { value: 'x' }, ...more });
const variable = (name: string, value: string) => ({
  environment: { variables: [{ name, value }] },
});

test('a command is run as it is, or by a shell; variables stand before it', () => {
  const plain = { value: '/bin/echo', shell: false, arguments: ['echo', 'a b', ''] };
  expect(sessionCommand(launch({ command: plain }))).toStrictEqual({
    argv: ['/bin/echo', 'a b', ''],
  });
  const shell = { value: 'echo $A', ...variable('A', 'x=y z') };
  const { argv } = sessionCommand(launch({ command: shell }));
  expect(argv.slice(0, 4)).toStrictEqual(['env', 'A=x=y z', '/bin/sh', '-c']);
  expect(argv.at(-1)).toBe('echo $A');
});

test('it has a terminal where one is asked for, of the size that is asked for', () => {
  const terminalOf = (tty_info: object) =>
    sessionCommand(launch({ command: { value: 'x' }, container: { type: 'MESOS', tty_info } }))
      .terminal;
  expect(terminalOf({ window_size: { rows: 5, columns: 7 } })).toMatchObject({
    rows: 5,
    columns: 7,
  });
  expect(terminalOf({})).toMatchObject({ rows: 24, columns: 80 });
  const without = launch({ command: { value: 'x' }, container: { type: 'MESOS' } });
  expect(sessionCommand(without).terminal).toBeUndefined();
});

test.each<[string, Partial<Launch>]>([
  ['nothing to run', {}],
  ['another user', { command: { value: 'x', user: 'root' } }],
  ['files to fetch', { command: { value: 'x', uris: [{ value: 'http://x/y' }] } }],
  ['what env would take for an option', { command: { value: 'x', ...variable('-i', '') } }],
  ['an image', { command: { value: 'x' }, container: { type: 'DOCKER' } }],
  ['a hostname', { command: { value: 'x' }, container: { type: 'MESOS', hostname: 'h' } }],
  ['more than a message takes', { command: { value: 'x'.repeat(300_000) } }],
])('%s is refused in a sentence', (_, more) => {
  expect(() => sessionCommand(launch(more))).toThrow(Untranslatable);
});
