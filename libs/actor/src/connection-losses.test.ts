import { expect, test } from 'vitest';
import { ConnectionLosses, describeNotice } from './connection-losses.ts';

const server = 'nats://one:4222';
const lost = { type: 'disconnect', server };

test('a loss while the process was held up is a slow read, and says what to do', () => {
  const losses = new ConnectionLosses();
  const notice = losses.noticed(lost, { nowMs: 0, heldUpMs: 12_000 });
  const counts = { losses: 1, slowReads: 1 };
  expect(notice).toEqual({ kind: 'lost', server, why: 'slowRead', heldUpMs: 12_000, counts });
  expect(notice && describeNotice(notice)).toContain('see what holds this process up');
});

test('a server that is gone soon after a hold-up is not ruled out: both causes are named, with how long it was', () => {
  const notice = new ConnectionLosses().noticed(lost, { nowMs: 0, heldUpMs: 1234 });
  const said = notice === undefined ? '' : describeNotice(notice);
  expect(said).toContain('held up by itself for 1.2 s');
  expect(said).toContain('write_deadline or max_pending');
  expect(said).toMatch(/the server dropped it, since it did not read, or the server is gone/);
});

test('a loss that this process chose is none of a hold-up', () => {
  const losses = new ConnectionLosses();
  losses.noticed({ type: 'forceReconnect' }, { nowMs: 0, heldUpMs: 1500 });
  const notice = losses.noticed(lost, { nowMs: 1, heldUpMs: 1500 });
  expect(notice).toMatchObject({ why: 'left', counts: { losses: 1, slowReads: 0 } });
  losses.noticed({ type: 'reconnect', server }, { nowMs: 2, heldUpMs: 1500 });
  expect(losses.noticed(lost, { nowMs: 3, heldUpMs: 1500 })).toMatchObject({ why: 'slowRead' });
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
