import { expect, test } from 'vitest';
import { ConnectionLosses, describeNotice } from './connection-losses.ts';

const server = 'nats://one:4222';
const lost = { type: 'disconnect', server };

test('a loss while the process was held up is a slow read, and says what to do', () => {
  const losses = new ConnectionLosses();
  const notice = losses.noticed(lost, { nowMs: 0, heldUpMs: 12_000 });
  const counts = { losses: 1, slowReads: 1 };
  expect(notice).toEqual({ kind: 'lost', server, why: 'slowRead', heldUpMs: 12_000, counts });
  expect(notice && describeNotice(notice)).toContain('See what holds it up');
});

test('a hold-up outweighs what the client believes: a ping was not answered because nobody read', () => {
  const losses = new ConnectionLosses();
  losses.noticed({ type: 'staleConnection' }, { nowMs: 0, heldUpMs: 20_000 });
  expect(losses.noticed(lost, { nowMs: 0, heldUpMs: 20_000 })).toMatchObject({ why: 'slowRead' });
});

test('each loss is told once with its own reason, and its end with how long it lasted', () => {
  const losses = new ConnectionLosses();
  const at = (nowMs: number) => ({ nowMs, heldUpMs: 0 });
  expect(losses.noticed(lost, at(100))).toMatchObject({ why: 'unknown' });
  expect(losses.noticed(lost, at(200))).toBeUndefined();
  expect(losses.noticed({ type: 'reconnecting' }, at(250))).toBeUndefined();
  const back = losses.noticed({ type: 'reconnect', server: 'two' }, at(400));
  expect(back).toMatchObject({ kind: 'back', server: 'two', awayMs: 300 });
  losses.noticed({ type: 'staleConnection' }, at(500));
  expect(losses.noticed(lost, at(500))).toMatchObject({ why: 'silentServer' });
  losses.noticed({ type: 'reconnect', server }, at(600));
  losses.noticed({ type: 'forceReconnect' }, at(700));
  expect(losses.noticed(lost, at(700))).toMatchObject({ why: 'left' });
  losses.noticed({ type: 'reconnect', server }, at(800));
  expect(losses.noticed(lost, at(900))).toMatchObject({ why: 'unknown' });
  expect(losses.counts).toEqual({ losses: 4, slowReads: 0 });
});
