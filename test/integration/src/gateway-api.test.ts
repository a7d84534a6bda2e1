// Tests Parley's own HTTP API on a real cluster: lists, events for scripts and for pages, and that neither loses anything when
// the gateway dies and another takes its place.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterFixture, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { QueueFramework } from './cluster-framework.ts';
import { GatewayFixture } from './gateway-fixture.ts';

type Told = {
  readonly sequence: number;
  readonly index: number;
  readonly text: string;
  readonly event: {
    readonly type: string;
    readonly task?: { taskId: string };
    readonly to?: string;
  };
};
type Page = { readonly total: number; readonly items: readonly Record<string, unknown>[] };

let cluster: ClusterFixture;
let gateway: GatewayFixture;
let framework: QueueFramework;

beforeAll(async () => {
  cluster = new ClusterFixture();
  await cluster.start();
  gateway = new GatewayFixture(cluster);
  await gateway.start();
  framework = await new QueueFramework().connect(cluster, 'alice', 'web');
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await framework?.scheduler.close();
  await gateway?.close();
  await cluster.close();
});

async function get<Body>(place: string): Promise<Body> {
  const answer = await fetch(`${gateway.url}${place}`);
  // What is not as expected shows in what is compared.
  return (await answer.json()) as Body;
}

/** A reader of Server-Sent Events: what it was told, until it is stopped. */
function readFeed(lastId?: string) {
  const told: Told[] = [];
  const kinds: string[] = [];
  const stopping = new AbortController();
  const hear = (record: string): void => {
    const kind = /^event: (.*)$/m.exec(record)?.[1];
    const data = /^data: (.*)$/m.exec(record)?.[1];
    if (kind !== undefined) kinds.push(kind);
    if (data !== undefined && kind !== 'resync') told.push(JSON.parse(data));
  };
  const ended = (async () => {
    const headers = lastId === undefined ? {} : { 'Last-Event-ID': lastId };
    const answer = await fetch(`${gateway.url}/v1/feed`, { headers, signal: stopping.signal });
    let text = '';
    for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      const records = text.split('\n\n');
      text = records.pop() ?? '';
      for (const record of records) hear(record);
    }
  })().catch(() => undefined);
  return {
    told,
    kinds,
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

const placeOf = ({ sequence, index }: Told): string => `${sequence}.${index}`;
const isOf = (taskId: string, to: string) => (one: Told) =>
  one.event.type === 'taskStateChanged' && one.event.task?.taskId === taskId && one.event.to === to;

test('lists and numbers show what agents and frameworks there are', async () => {
  await until(
    async () => (await get<Page>('/v1/frameworks')).total === 1,
    () => 'the framework is in the list',
  );
  expect((await get<Page>('/v1/agents?sort=-agentId&limit=1')).items[0]).toMatchObject({
    ...{ agentId: 'a2', state: 'registered', total: { cpus: 4000 } },
  });
  expect(await get('/v1/overview')).toMatchObject({
    ...{ cluster: 'whole', leader: 'master-1', staleMs: 0, total: { cpus: 8000 } },
    ...{ agents: { registered: 2 }, frameworks: { subscribed: 1 } },
  });
  expect((await fetch(`${gateway.url}/v1/agents?limit=0`)).status).toBe(400);
  expect((await fetch(`${gateway.url}/v1/agents/nobody`)).status).toBe(404);
  const document = await get<{ paths: Record<string, unknown> }>('/openapi.json');
  expect(Object.keys(document.paths)).toContain('/v1/tasks');
});

type Machinery = Record<
  'masters' | 'gateways',
  readonly {
    readonly id?: string;
    readonly phase?: string;
    readonly url?: string;
    readonly silentMs: number;
    readonly startedWallMs: number;
  }[]
>;

let machinery: Machinery = { masters: [], gateways: [] };
async function look(): Promise<Machinery> {
  machinery = await get<Machinery>('/v1/system');
  return machinery;
}
const looked = (): string => JSON.stringify(machinery);
const phases = async (): Promise<string> =>
  (await look()).masters.map(({ id, phase }) => `${id} ${phase}`).join(', ');

test(
  'the system names leader, standbys and gateways; one that was killed falls silent, one that was stopped is gone',
  async () => {
    const others = ['killed', 'stopped'].map(() => new GatewayFixture(cluster));
    try {
      cluster.service('master-2').start();
      await Promise.all(others.map((one) => one.start()));
      await seeMembers(others);
    } finally {
      await Promise.all(others.map((one) => one.close()));
      await cluster.service('master-2').close();
    }
    await until(async () => (await phases()) === 'master-1 leading', looked);
  },
  2 * TEST_TIMEOUT_MS,
);

async function seeMembers([killed, stopped]: readonly GatewayFixture[]): Promise<void> {
  if (killed === undefined || stopped === undefined) throw new Error('there are two');
  const own = gateway.url;
  const urls = async (): Promise<unknown[]> => (await look()).gateways.map(({ url }) => url);
  const all = [own, killed.url, stopped.url].sort();
  await until(async () => (await urls()).join() === all.join(), looked);
  await until(async () => (await look()).masters.length === 2, looked);
  expect(machinery.masters).toMatchObject([
    { id: 'master-1', phase: 'leading', version: expect.stringMatching(/\d/), lagEntries: 0 },
    { id: 'master-2', phase: 'following' },
  ]);
  const [leader, standby] = machinery.masters;
  expect(leader?.startedWallMs).toBeLessThan(standby?.startedWallMs ?? 0);
  expect(machinery.gateways.filter((one) => 'isThis' in one && one.isThis)).toMatchObject([
    { url: own, operator: 'olga' },
  ]);
  await stopped.process.end('SIGTERM');
  await killed.process.end('SIGKILL');
  await until(async () => !(await urls()).includes(stopped.url), looked);
  // Longer than any that is there is silent.
  const silence = () => machinery.gateways.find(({ url }) => url === killed.url)?.silentMs ?? 0;
  await until(async () => (await urls()).includes(killed.url) && silence() > 6000, looked);
  const [first, second] = [cluster.service('master-1'), cluster.service('master-2')];
  await first.end('SIGKILL');
  await until(async () => (await phases()) === 'master-2 leading, master-1 silent', looked);
  first.start();
  await until(async () => (await phases()) === 'master-2 leading, master-1 following', looked);
  await second.end('SIGTERM');
  await until(async () => (await look()).masters.length === 1, looked);
}

test(
  'a task reaches readers of the feed and of a socket as it happens, and the list of tasks',
  async () => {
    const feed = readFeed();
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/stream`);
    const rows: Record<string, unknown>[] = [];
    socket.addEventListener('open', () => {
      socket.send(
        JSON.stringify({
          ...{ type: 'sub', id: 'x', topic: 'tasks' },
          query: { filter: 'taskId:seen' },
        }),
      );
      socket.send('nonsense');
    });
    const said: { type: string; items?: Record<string, unknown>[] }[] = [];
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data));
      said.push(message);
      if (message.type === 'rows') rows.splice(0, rows.length, ...message.items);
    });
    await until(
      () => said.length >= 2,
      () => 'the socket has answered',
    );
    expect(said.map(({ type }) => type).sort()).toStrictEqual(['refused', 'rows']);
    framework.add([cluster.task('seen')]);
    await until(
      () => feed.told.some(isOf('seen', 'running')) && rows[0]?.['state'] === 'running',
      () => `feed and socket tell that it runs: ${JSON.stringify(rows)}`,
    );
    expect((await get<Page>('/v1/tasks?filter=state:running%20seen')).items[0]).toMatchObject({
      ...{ principal: 'alice', frameworkId: 'web', taskId: 'seen', resources: { cpus: 400 } },
    });
    socket.close();
    await feed.stop();
    expect(feed.told.map(placeOf)).toStrictEqual([...new Set(feed.told.map(placeOf))]);
  },
  TEST_TIMEOUT_MS,
);

test(
  'who comes back after the gateway was killed is told to begin anew, and from then on misses nothing',
  async () => {
    const before = readFeed();
    framework.add([cluster.task('before')]);
    await until(
      () => before.told.some(isOf('before', 'running')),
      () => 'the first feed tells it',
    );
    await gateway.process.end('SIGKILL');
    await before.stop();
    const last = before.told.at(-1);
    if (last === undefined) throw new Error('nothing was told');
    framework.add([cluster.task('meanwhile')]);
    await until(
      () => framework.inState('running').includes('meanwhile'),
      () => 'it runs while there is no gateway',
    );
    await gateway.start();
    const after = readFeed(placeOf(last));
    await until(
      () => after.kinds.includes('resync'),
      () => 'it is told that what happened in between was not kept here',
    );
    const page = await get<Page>('/v1/tasks?filter=taskId:meanwhile');
    expect(page.items[0]).toMatchObject({ state: 'running' });
    const known = readFeed();
    framework.add([cluster.task('later')]);
    await until(
      () => [after, known].every(({ told }) => told.some(isOf('later', 'running'))),
      () => 'both feeds tell what happens later',
    );
    // A reader that was away for a moment goes on where it was.
    const first = known.told[0];
    if (first === undefined) throw new Error('nothing was told');
    const again = readFeed(placeOf(first));
    await until(
      () => again.told.some(isOf('later', 'running')),
      () => 'what was missed is told',
    );
    await pause(100);
    expect(again.kinds).not.toContain('resync');
    expect(again.told.map(placeOf)).toStrictEqual(known.told.slice(1).map(placeOf));
    await Promise.all([after, known, again].map((feed) => feed.stop()));
    cluster.open();
  },
  TEST_TIMEOUT_MS,
);
