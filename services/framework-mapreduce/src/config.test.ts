import { expect, it } from 'vitest';
import { readConfig } from './config.ts';

it('folders may be named one by one or together', () => {
  const config = readConfig(['--creds', 'f', '--input', 'a', 'b', '--input', 'c d']);
  const folders = ['a', 'c d', 'b'].map((folder) => Buffer.from(folder));
  expect(config.ok && config.value.input).toEqual({ kind: 'folders', folders });
});

it('what tasks are given is read in the units that people write, their pace in milliseconds', () => {
  const words = ['--creds', 'f', '--files-from', 'l', '--cpus', '0.5', '--mem', '1GiB'];
  const config = readConfig([...words, '--min-map-time', '2500ms']);
  expect(config).toMatchObject({
    ok: true,
    value: {
      input: { kind: 'list', list: Buffer.from('l') },
      taskResources: { scalars: { cpus: 500, mem: 1_024_000 } },
      minMapMs: 2500,
      splits: {},
    },
  });
});

it.each([
  [['--input', 'a'], '--creds'],
  [['--creds', 'f'], 'input is missing'],
  [['--creds', 'f', 'a'], 'unexpected argument a'],
  [['--creds', 'f', '--input', ''], '--input'],
  [['--creds', 'f', '--input', 'a', '--files-from', 'l'], 'together'],
  [['--creds', 'f', '--input', 'a', '--reducers', '0'], '--reducers'],
  [['--creds', 'f', '--input', 'a', '--reducers', '65'], '--reducers'],
  [['--creds', 'f', '--input', 'a', '--split-bytes', ''], '--split-bytes'],
  [['--creds', 'f', '--input', 'a', '--split-bytes', '9', '--map-tasks', '9'], 'together'],
  [['--creds', 'f', '--input', 'a', '--map-tasks', '5000'], '--map-tasks'],
  [['--creds', 'f', '--input', 'a', '--min-map-time', 'soon'], '--min-map-time'],
  [['--creds', 'f', '--input', 'a', '--mem', 'lots'], 'mem'],
  [['--creds', 'f', '--input', 'a', '--framework-id', 'a/b'], '--framework-id'],
  [['--creds', 'f', '--input', 'a', '--role', 'no role'], '--role'],
  [['--creds', 'f', '--input', 'a', '--cluster', 'a b'], '--cluster'],
  [['--creds', 'f', '--input', 'a', '--id', 'a.b'], '--id'],
  [['--creds', 'f', '--input', 'a', '--bogus'], '--bogus'],
])('wrong arguments %j are refused with the argument named', (words, named) => {
  const config = readConfig(words);
  expect(config.ok ? '' : config.failure.message).toContain(named);
});

it('a credential file of NATS is completed by arguments', () => {
  const words = ['--creds', 'f.nk', '--nats', 'nats://a,nats://b', '--cluster', 'c', '--id', 'me'];
  const tls = ['--tls-ca', 'ca.pem'];
  const config = readConfig([...words, ...tls, '--input', 'a']);
  expect(config.ok && config.value.credential).toEqual({
    file: 'f.nk',
    servers: ['nats://a', 'nats://b'],
    cluster: 'c',
    principal: 'me',
    tls: { ca: 'ca.pem' },
  });
});
