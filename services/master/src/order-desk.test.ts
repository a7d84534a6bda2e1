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
  destroyVolume: { role: 'eng', volumeId: 'v1' },
};
const SENT_AS: Record<Order['kind'], SubjectEntry> = {
  run: SUBJECTS.run,
  runGroup: SUBJECTS.runGroup,
  kill: SUBJECTS.kill,
  shutdownExecutor: SUBJECTS.shutdownExecutorOrder,
  destroyVolume: SUBJECTS.destroyVolume,
};
const KINDS = Object.keys(BODIES) as Order['kind'][];

function aDesk(kind: Order['kind']) {
  const order = AnyOrder.parse({ kind, orderId: 'x1', agentId: 'a1', body: BODIES[kind] });
  const desk = new OrderDesk({ cluster, epoch, view: { order: () => order } });
  desk.add(order, 0);
  return { order, desk };
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
    const busy = aDesk(kind).desk;
    busy.takeDue(0);
    const passing = { code: 'overloaded', message: 'wait' } as const;
    expect(busy.replied('x1', encodeAnswer({ ok: false, failure: passing }), 1)).toBeUndefined();
    expect(busy.takeDue(100)).toEqual([]);
    expect(busy.takeDue(251)).toHaveLength(1);
  },
);
