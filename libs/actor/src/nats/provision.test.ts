// Tests what streams must be like, and which servers are taken.
import { ClusterName, PrincipalName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { checkServer, driftOf, wantedStreams } from './provision.ts';

const streams = wantedStreams({
  cluster: ClusterName.parse('c1'),
  principals: [PrincipalName.parse('alice')],
  replicas: 3,
});

test('no stream may be read past its leader, and one where that is on is not as it must be', () => {
  expect(streams).toHaveLength(6);
  for (const wanted of streams) {
    expect(wanted.allow_direct, wanted.name).toBe(false);
    expect(driftOf(wanted, { ...wanted })).toEqual([]);
    expect(driftOf(wanted, { ...wanted, allow_direct: true })).toEqual([
      'allow_direct is true, must be off',
    ]);
  }
});

const aServer = (version: string, jetstream = true) => ({
  info: { version, jetstream },
  getServer: () => 'n1:4222',
});

test.each(['2.9.25', '2.10.0', '2.10.26', '2.10.26-RC.1', '1.99.99', '0', ''])(
  'a server of version "%s" is refused as too old',
  (version) => {
    const message = expect.stringContaining(`nats-server ${version} is too old`);
    expect(checkServer(aServer(version))).toMatchObject({
      ok: false,
      failure: { code: 'unavailable', message },
    });
  },
);

test.each(['2.10.27', '2.10.99'])('a server of version %s is taken with a warning', (version) => {
  expect(checkServer(aServer(version))).toMatchObject({
    ok: true,
    value: expect.stringContaining(`nats-server ${version} is of the old line`),
  });
});

test.each(['2.11.0', '2.11.0-RC.1', '2.15.1', '3.0.0'])(
  'a server of version %s is taken',
  (version) => {
    expect(checkServer(aServer(version))).toEqual({ ok: true, value: undefined });
  },
);

test('a server without JetStream is refused, whatever its version', () => {
  expect(checkServer(aServer('2.15.1', false))).toMatchObject({ failure: { code: 'unavailable' } });
});
