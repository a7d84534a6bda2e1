// Tests of orders to agents: each kind on its own subject, and what its answer makes of it.
import type { Order } from '@parley/cluster/inputs';
import { Order as AnyOrder } from '@parley/cluster/inputs';
import { ClusterName } from '@parley/protocol/ids';
import { decodeMessage, encodeAnswer } from '@parley/protocol/message';
import type { SubjectEntry } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import { expect, it } from 'vitest';
import { OrderDesk } from './order-desk.ts';

const cluster = ClusterName.parse('c1');
const epoch = { bucketCreatedMs: 1, revision: 7 };
const framework = { principal: 'alice', frameworkId: 'f1' };
const executor = { ...framework, executorId: 'e1' };
const description = { taskId: 't1', resources: {} };

const BODIES: Record<Order['kind'], unknown> = {
  run: { framework, role: 'eng', description },
  runGroup: {
    framework,
    role: 'eng',
    executor: { executorId: 'e1', kind: 'default' },
    descriptions: [description, { ...description, taskId: 't2' }],
  },
  kill: { task: { ...framework, taskId: 't1' }, graceMs: 10, reason: 'operator' },
  shutdownExecutor: { executor, graceMs: 5 },
  askToStop: { task: { ...framework, taskId: 't1' }, graceMs: 10 },
  destroyVolume: { role: 'eng', volumeId: 'v1' },
};
const SENT_AS: Record<Order['kind'], SubjectEntry> = {
  run: SUBJECTS.run,
  runGroup: SUBJECTS.runGroup,
  kill: SUBJECTS.kill,
  shutdownExecutor: SUBJECTS.shutdownExecutorOrder,
  askToStop: SUBJECTS.askToStop,
  destroyVolume: SUBJECTS.destroyVolume,
};
const KINDS = Object.keys(BODIES) as Order['kind'][];

function aDesk(kind: Order['kind']) {
  const order = AnyOrder.parse({ kind, orderId: 'x1', agentId: 'a1', body: BODIES[kind] });
  let isNeeded = true;
  const needed = () => (isNeeded ? order : undefined);
  const view = { order: needed, awaitedOrder: needed };
  const desk = new OrderDesk({ cluster, epoch, view });
  desk.add(order, 0);
  const forget = (): void => {
    isNeeded = false;
  };
  return { order, desk, forget };
}

it.each(KINDS)('an order of kind %s goes to its agent, and its answer becomes an input', (kind) => {
  const { order, desk } = aDesk(kind);
  const [output] = desk.takeDue(0);
  if (output?.kind !== 'order') throw new Error('nothing is sent');
  const sent = decodeMessage(SENT_AS[kind], cluster, output.subject, output.bytes);
  expect(sent).toMatchObject({ ok: true, value: { epoch, parameters: { agentId: 'a1' } } });
  expect(sent.ok && sent.value.body).toEqual(order.body);
  expect(desk.replied('x1', encodeAnswer({ ok: true, value: {} }), 1)).toEqual({
    kind: 'orderAnswered',
    agentId: 'a1',
    orderId: 'x1',
  });
});

it.each(KINDS)(
  'a refusal of an order of kind %s is told to the books, and one that may pass is not',
  (kind) => {
    const failure = { code: 'invalidTask', message: 'no such program' } as const;
    const refused = aDesk(kind).desk;
    refused.takeDue(0);
    expect(refused.replied('x1', encodeAnswer({ ok: false, failure }), 1)).toMatchObject({
      kind: 'orderAnswered',
      failure,
    });
    for (const code of ['overloaded', 'rateLimited', 'unavailable'] as const) {
      const busy = aDesk(kind).desk;
      busy.takeDue(0);
      const passing = { code, message: 'wait' };
      expect(busy.replied('x1', encodeAnswer({ ok: false, failure: passing }), 1)).toBeUndefined();
      expect(busy.takeDue(100)).toEqual([]);
      expect(busy.takeDue(251)).toHaveLength(1);
    }
  },
);

/** Sent, refused by the agent, and the books have heard of it. */
function refuse(desk: OrderDesk, atMs: number): void {
  const failure = { code: 'internalError', message: 'the disk is broken' } as const;
  expect(desk.takeDue(atMs)).toHaveLength(1);
  const input = desk.replied('x1', encodeAnswer({ ok: false, failure }), atMs);
  if (input?.kind !== 'orderAnswered') throw new Error('the books hear of a refusal');
  desk.answered(input, atMs);
}

it.each(['kill', 'shutdownExecutor', 'destroyVolume'] as const)(
  'an order of kind %s that was refused and stands in the books is sent again, later each time',
  (kind) => {
    const { desk } = aDesk(kind);
    let atMs = 0;
    for (const waitMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
      refuse(desk, atMs);
      expect(desk.takeDue(atMs + waitMs - 1)).toEqual([]);
      atMs += waitMs;
    }
  },
);

it('an order that was refused is sent at once when the books order it again', () => {
  const { order, desk } = aDesk('destroyVolume');
  refuse(desk, 0);
  desk.add(order, 10);
  expect(desk.takeDue(10)).toHaveLength(1);
});

it('an order that was refused is sent no more when the books need it no more', () => {
  const { desk, forget } = aDesk('kill');
  refuse(desk, 0);
  forget();
  expect(desk.takeDue(1_000_000)).toEqual([]);
});

it.each(['run', 'runGroup'] as const)(
  'an order of kind %s that was refused is never sent again: its tasks are dropped',
  (kind) => {
    const { desk } = aDesk(kind);
    refuse(desk, 0);
    expect(desk.takeDue(1_000_000)).toEqual([]);
  },
);

it.each(KINDS)('of an order of kind %s that was given up counts only that it was taken', (kind) => {
  const { desk } = aDesk(kind);
  const taken = encodeAnswer({ ok: true, value: {} });
  desk.takeDue(0);
  expect(desk.replied('x1', undefined, 2000)).toBeUndefined();
  for (const code of ['diskFull', 'unavailable', 'staleEpoch'] as const) {
    const refusal = encodeAnswer({ ok: false, failure: { code, message: 'no' } });
    expect(desk.isTaken('x1', refusal), code).toBe(false);
  }
  expect(desk.isTaken('x1', new Uint8Array([1, 2, 3]))).toBe(false);
  expect(desk.isTaken('x1', taken)).toBe(true);
  const late = desk.replied('x1', taken, 2100);
  expect(late).toEqual({ kind: 'orderAnswered', agentId: 'a1', orderId: 'x1' });
  if (late?.kind === 'orderAnswered') desk.answered(late, 2100);
  expect(desk.takeDue(60_000)).toEqual([]);
});

it('an order that must not go out again is answered all the same, as long as the books wait for it', () => {
  const { order, desk, forget } = aDesk('runGroup');
  const taken = encodeAnswer({ ok: true, value: {} });
  desk.takeDue(0);
  forget();
  desk.replied('x1', undefined, 2000);
  expect(desk.takeDue(5000)).toEqual([]);
  expect(desk.isTaken('x1', taken)).toBe(false);
  const view = { order: () => undefined, awaitedOrder: () => order };
  const spent = new OrderDesk({ cluster, epoch, view });
  expect(spent.isTaken('x1', taken)).toBe(true);
  expect(spent.replied('x1', taken, 1)).toMatchObject({ kind: 'orderAnswered', orderId: 'x1' });
});
