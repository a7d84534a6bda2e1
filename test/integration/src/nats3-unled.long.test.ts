// Tests that agents and frameworks do not stay with a node of NATS that is cut off from the others, though their
// connections to it are well; and that the two connections of one actor are on the same node.
import { ask } from '@parley/actor/nats/jetstream-requests';
import { keepTogether } from '@parley/actor/nats/server-choice';
import { leaveServers } from '@parley/actor/nats/server-watch';
import { PRINCIPALS_API } from '@parley/protocol/accounts';
import { RoleName } from '@parley/protocol/ids';
import { updatesStreamName } from '@parley/protocol/streams';
import type { NatsConnection } from 'nats';
import { afterEach, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { ACTORS, alice, cluster, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { type Nats3Cluster, startNats3Cluster, wrongOnes } from './nats3-cluster.ts';
import { type Nats3, startNats3 } from './nats3-fixture.ts';

vi.setConfig({ testTimeout: 3 * TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Tasks that fill both agents. */
const FULL = 20;
const CONNECTED = '"msg":"connected to the bus"';
const LEFT = '"msg":"no leader is heard over this server: another one is tried"';

const Standing = z.object({
  cluster: z.object({ replicas: z.array(z.object({ current: z.boolean() })) }),
});

/** The stream of updates too: a node that has not got all of it again yet is none of two that go on. */
async function untilWhole(nats: Nats3): Promise<void> {
  await nats.untilWhole();
  const books = await nats.connect('master', 'master-1', 'books');
  const subject = `${PRINCIPALS_API}.STREAM.INFO.${updatesStreamName(cluster, alice)}`;
  await until(
    async () => {
      const answer = await ask(books, subject, '');
      const standing = Standing.safeParse(answer.kind === 'answered' ? answer.value : undefined);
      const replicas = standing.data?.cluster.replicas ?? [];
      return replicas.length === 2 && replicas.every(({ current }) => current);
    },
    () => 'the stream of updates is whole on all three nodes',
  );
}

/** Whoever was on the node when it was cut off works over another one, before anybody takes it for dead. */
async function cutOff(whole: Nats3Cluster, node: string): Promise<void> {
  const { nats, fixture, work } = whole;
  await untilWhole(nats);
  const agents = [fixture.service('a1'), fixture.service('a2')];
  const { port } = nats.node(node);
  const there = agents.filter((agent) =>
    String(agent.line(CONNECTED)['server']).endsWith(`:${port}`),
  );
  const before = there.map((agent) => agent.count(CONNECTED));
  nats.separate([node]);
  for (const [index, agent] of there.entries()) await agent.says(CONNECTED, before[index]);
  const tasks = Array.from({ length: FULL }, (_, index) => fixture.task(`${node}-${index}`, node));
  work.add(tasks);
  // All of them at once need both agents, and the framework to hear of it.
  await work.untilRunning(FULL);
  fixture.open(node);
  await work.untilEnded(tasks);
  await nats.reunite();
  expect(wrongOnes(whole, tasks)).toEqual([]);
}

test('whichever node is cut off, the agents and the framework on it go on over another', async () => {
  const whole = await startNats3Cluster();
  closers.push(whole.close);
  const lost: string[] = [];
  const books = await whole.fixture.follow((event) => {
    if (event.type === 'agentUnreachable') lost.push(event.agentId);
  });
  // Each of them was on the node that is cut off in at least one of the three.
  for (const { name } of whole.nats.nodes) await cutOff(whole, name);
  expect(lost).toEqual([]);
  expect(books.state.agents.size).toBe(2);
  for (const id of ['a1', 'a2'] as const) {
    expect(whole.fixture.service(id).count(LEFT)).toBeGreaterThan(0);
  }
});

/** Another one after each reconnection. */
const placeOf = ({ info }: NatsConnection): string => `${info?.server_id} ${info?.client_id}`;

test('two connections of one actor are on the same node, and stay so when either leaves it', async () => {
  const nats: Nats3 = await startNats3({
    ...{ cluster, actors: ACTORS },
    principals: [{ name: alice, roles: [RoleName.parse('*')] }],
  });
  closers.push(() => nats.close());
  const lead = await nats.connect('principal', alice);
  const own = await nats.connect('principal', alice, 'work');
  keepTogether(lead, own);
  const areTogether = () => lead.info?.server_id === own.info?.server_id;
  const where = () => `lead at ${lead.getServer()}, the other at ${own.getServer()}`;
  for (const leaving of [[], [lead], [own], [lead, own]]) {
    const before = leaving.map(placeOf);
    leaveServers(...leaving);
    await until(
      () => leaving.every((one, index) => placeOf(one) !== before[index]) && areTogether(),
      where,
    );
    // Both answer there.
    await Promise.all([lead.flush(), own.flush()]);
    expect(areTogether()).toBe(true);
  }
  const node = nats.nodes.find(({ port }) => lead.getServer().endsWith(`:${port}`));
  await node?.kill();
  await until(() => !lead.getServer().endsWith(`:${node?.port}`) && areTogether(), where);
});
