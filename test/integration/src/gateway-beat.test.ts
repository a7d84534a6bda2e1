// Tests on a real server that whoever may not say that its gateway is there is told so; who may is heard.
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { OperatorLink } from '@parley/operator-sdk/operator-link';
import type { HolderKind } from '@parley/protocol/credential';
import { Token } from '@parley/protocol/ids';
import type { GatewayBeat } from '@parley/protocol/leadership';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BusFixture, startBus } from './bus-fixture.ts';

const beat: GatewayBeat = {
  ...{ instance: Token.parse('g1'), version: '1', url: 'http://127.0.0.1:5050', upMs: 1 },
};
let bus: BusFixture;
beforeAll(async () => {
  bus = await startBus('reference');
});
afterAll(() => bus?.close());

/** The link of olga, with what somebody else may say: that is what an operator of an earlier release is. */
async function linkOver(kind: HolderKind, id: string) {
  const identity = readCredentialFile(bus.server.credentialFile('operator', 'olga'));
  if (!identity.ok) throw new Error(identity.failure.message);
  const [control, books] = [await bus.as(kind, id), await bus.as('operator', 'olga', 'books')];
  return new OperatorLink(identity.value, control.connection, books.connection);
}

test('an operator that may not say that its gateway is there is told each time that it did', async () => {
  const link = await linkOver('agent', 'a1');
  for (let times = 0; times < 2; times += 1) {
    const refused = Promise.withResolvers<string>();
    link.onBeatRefused(refused.resolve);
    link.beatAsGateway(beat);
    expect(await refused.promise).toContain('gateway.olga.beat');
  }
  await link.close();
});

test('an operator that may say so is heard, under its own name', async () => {
  const link = await linkOver('operator', 'olga');
  const heard = Promise.withResolvers<readonly unknown[]>();
  link.onGatewayBeat((...told) => heard.resolve(told));
  link.onBeatRefused(heard.reject);
  link.beatAsGateway(beat);
  expect(await heard.promise).toEqual(['olga', beat]);
  await link.close();
});
