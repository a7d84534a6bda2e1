// Tests the console in a browser, on a real cluster behind a real gateway: every page, live rows, the way through time, keys
// alone, what the gateway's end does to it.
import { setTimeout as delay } from 'node:timers/promises';
import { apply } from '@parley/cluster-view/apply';
import { query } from '@parley/cluster-view/query';
import { fromJson } from '@parley/cluster-view/view-json';
import { ClusterFixture, TEST_TIMEOUT_MS, until } from '@parley/test-integration/cluster-fixture';
import { QueueFramework } from '@parley/test-integration/cluster-framework';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BrowserFixture, picture } from './browser-fixture.ts';

const SHOWN_WITHIN_MS = 1000;

let cluster: ClusterFixture;
let gateway: GatewayFixture;
let framework: QueueFramework;
let browser: BrowserFixture;

beforeAll(async () => {
  // They are there to be closed, however far it comes.
  cluster = new ClusterFixture();
  framework = new QueueFramework();
  browser = new BrowserFixture();
  await cluster.start();
  gateway = new GatewayFixture(cluster);
  await gateway.start();
  await framework.connect(cluster, 'alice', 'web');
  await browser.start();
  framework.add([cluster.task('first'), cluster.scriptTask('fails', 'exit 3')]);
  framework.add([
    cluster.scriptTask(
      'talks',
      `echo from the sandbox > note; printf 'plain\\n\\033[31mred\\033[0m\\nlast\\n'; ${cluster.waitAt('later')}; echo more of it; ${cluster.waitAt('gate')}`,
    ),
  ]);
  await until(
    () => framework.inState('running').length === 2 && framework.inState('failed').length === 1,
    () => `two run and one failed; ${framework.said}`,
  );
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await browser.close();
  await framework.close();
  await gateway?.close();
  await cluster.close();
});

afterEach(() => {
  expect(browser.complaints.splice(0)).toStrictEqual([]);
});

const open = (place: string): Promise<Page> => browser.open(gateway.url + place);
const row = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text }).first();

test.each([
  ['/', 'overview', 'web'],
  ['/ui/frameworks', 'frameworks', 'alice/web'],
  ['/ui/frameworks/alice/web', 'framework', 'fails'],
  ['/ui/tasks', 'tasks', 'first'],
  ['/ui/tasks/alice/web/fails', 'task', 'failed'],
  ['/ui/agents', 'agents', 'a2'],
  ['/ui/agents?as=grid', 'agents-grid', '2 agents'],
  ['/ui/agents/a1', 'agent', 'registered'],
  ['/ui/offers', 'offers', 'declined'],
  ['/ui/offers?as=lines', 'offers-lives', 'accepted'],
  ['/ui/agents/a2', 'agent-attributes', 'attributes'],
  ['/ui/roles', 'roles', 'by weight'],
  ['/ui/events?filter=first', 'events', 'taskStateChanged'],
  ['/ui/system', 'system', 'newest snapshot'],
  ['/ui/system', 'system-members', '(this one)'],
  ['/ui/compare', 'compare', 'came'],
])(
  'the page %s shows what there is, and complains of nothing',
  async (place, name, words) => {
    const page = await open(place);
    await page.getByRole('main').getByText(words).first().waitFor();
    await picture(page, name);
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'a task is a row on the screen within a second of its event',
  async () => {
    const page = await open('/ui/tasks');
    await row(page, 'first').waitFor();
    const shown = page.evaluate<number>(`new Promise((resolve) => {
      const look = () => {
        if (document.querySelector('tbody')?.textContent.includes('prompt')) resolve(Date.now());
        else requestAnimationFrame(look);
      };
      look();
    })`);
    framework.add([cluster.task('prompt')]);
    const shownMs = await shown;
    const { items } = await get<{ items: Told[] }>('/v1/events?filter=prompt');
    const happenedMs = items[0]?.wallTimeMs ?? Number.NaN;
    expect(shownMs - happenedMs).toBeLessThan(SHOWN_WITHIN_MS);
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'seven tabs are all live',
  async () => {
    const pages = await Promise.all(Array.from({ length: 7 }, () => open('/ui/tasks')));
    framework.add([cluster.task('seen-by-all')]);
    await Promise.all(pages.map((page) => row(page, 'seen-by-all').getByText('running').waitFor()));
    await Promise.all(pages.map((page) => page.close()));
  },
  TEST_TIMEOUT_MS,
);

test(
  'what a page shows of the past is what the fold makes of the same events',
  async () => {
    const { items } = await get<{ items: Told[] }>('/v1/events?filter=taskStateChanged&limit=1000');
    const known = items.find(
      ({ event }) => event.task?.taskId === 'first' && event.to === 'starting',
    );
    const begun = known ?? items.find(({ event }) => event.task?.taskId === 'first');
    if (begun === undefined) throw new Error('the first task is not among the events');
    const answer = await fetch(`${gateway.url}/v1/export?from=first&to=last`);
    const [head = '', ...lines] = (await answer.text()).trimEnd().split('\n');
    const view = fromJson(JSON.parse(head).view);
    for (const line of lines) {
      const { event, ...moment } = JSON.parse(line);
      const isBeyond =
        moment.sequence > begun.sequence ||
        (moment.sequence === begun.sequence && moment.index > begun.index);
      if (!isBeyond) apply(view, moment, event);
    }
    const expected = query(view, 'tasks', {}).items.map(
      ({ taskId, state }) => `${taskId} ${state}`,
    );
    expect(expected.length).toBeGreaterThan(0);
    const page = await open(`/ui/tasks?at=${begun.sequence}.${begun.index}`);
    await row(page, 'first').waitFor();
    await picture(page, 'past');
    const rows = page.getByRole('row').filter({ has: page.getByRole('cell') });
    const seen = await rows.evaluateAll((all) =>
      all.map((one) => {
        const [task, , state] = one.querySelectorAll('td');
        return `${task?.textContent} ${state?.textContent?.split(' ').at(-1)}`;
      }),
    );
    expect(seen.toSorted()).toStrictEqual(expected.toSorted());
    await page.getByText('nothing can be changed').waitFor();
    const frame = () =>
      page.evaluate<string>(`getComputedStyle(document.querySelector('footer')).backgroundColor`);
    const then = await frame();
    await page.getByRole('button', { name: 'live' }).click();
    await page.getByText('nothing can be changed').waitFor({ state: 'detached' });
    expect(await frame()).not.toBe(then);
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'keys alone lead to a task, back in time and to the present',
  async () => {
    const page = await open('/');
    await page.getByRole('heading', { name: 'Resources' }).waitFor();
    const keys = async (...pressed: readonly string[]): Promise<void> => {
      for (const key of pressed) await page.keyboard.press(key);
    };
    await keys('?');
    await page.getByRole('dialog', { name: 'keys' }).waitFor();
    await keys('Escape', 'g', 't');
    await page.getByRole('heading', { name: 'Tasks' }).waitFor();
    await keys('/');
    await page.keyboard.type('taskId:talks');
    await page.getByRole('status').getByText('1 task', { exact: true }).waitFor();
    for (let tab = 0; tab < 20; tab += 1) {
      await keys('Tab');
      if ((await page.evaluate('document.activeElement.textContent')) === 'talks') break;
    }
    await keys('Enter');
    await page.getByRole('heading', { name: 'Task talks' }).waitFor();
    await page.locator('body').click({ position: { x: 5, y: 400 } });
    await keys('[');
    await page.getByText('nothing can be changed').waitFor();
    await keys('l');
    await page.getByText('nothing can be changed').waitFor({ state: 'detached' });
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'output is followed in its colours, searched and paused, and files are listed',
  async () => {
    const page = await open('/ui/tasks/alice/web/talks');
    const log = page.getByRole('region', { name: 'output' }).last();
    await log.getByText('plain').waitFor();
    expect(await log.getByText('red', { exact: true }).getAttribute('class')).toContain('ansi-red');
    await page.getByRole('searchbox', { name: 'search in the output' }).fill('LAST');
    await log.getByText('plain').waitFor({ state: 'detached' });
    await log.getByText('last').waitFor();
    const files = page.getByRole('region', { name: 'files' });
    await files.getByRole('button', { name: 'note', exact: true }).click();
    await files.getByText('from the sandbox').waitFor();
    await picture(page, 'output');
    // While it is paused nothing is added, and then all that came meanwhile.
    await page.getByRole('searchbox', { name: 'search in the output' }).fill('');
    await log.getByText('plain').waitFor();
    await page.getByRole('button', { name: 'pause', exact: true }).last().click();
    cluster.open('later');
    await until(
      async () => {
        const logs = await fetch(`${gateway.url}/v1/tasks/alice/web/talks/logs?stream=stdout`);
        return (await logs.text()).includes('more of it');
      },
      () => 'the task has written more',
    );
    await delay(1500);
    expect(await log.getByText('more of it').count()).toBe(0);
    await page.getByRole('button', { name: 'go on' }).click();
    await log.getByText('more of it').waitFor();
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'a task is killed only once its name is typed, and the command line that is shown is the one that was carried out',
  async () => {
    const page = await open('/ui/tasks/alice/web/talks');
    await page.getByRole('button', { name: 'Kill task' }).click();
    const dialog = page.getByRole('dialog', { name: 'Kill task' });
    const confirm = dialog.getByRole('button', { name: 'Kill task' });
    expect(await confirm.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill('talks');
    const answered = page.waitForResponse((answer) => answer.url().endsWith('/kill'));
    await confirm.click();
    const { command } = await (await answered).json();
    expect(await dialog.locator('code').first().textContent()).toBe(`npx ${command}`);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('main').getByText('killed').first().waitFor();
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'where the reader likes it dark the page is dark',
  async () => {
    const page = await open('/');
    const ground = () =>
      page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await ground()).toBe('rgb(255, 255, 255)');
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await ground()).toBe('rgb(16, 21, 28)');
    await page.getByRole('heading', { name: 'Resources' }).waitFor();
    await picture(page, 'dark');
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'each number leads to a list of so many rows',
  async () => {
    const page = await open('/');
    await page.getByRole('heading', { name: 'Resources' }).waitFor();
    for (const name of [/ agents?$/, / frameworks?$/, /tasks? running$/, /offers? outstanding$/]) {
      const card = page.getByRole('region', { name: 'numbers' }).getByRole('link', { name });
      const count = (await card.textContent())?.split(' ')[0];
      await card.click();
      await page
        .getByRole('status')
        .getByText(new RegExp(`^${count} `))
        .waitFor();
      await page.goBack();
    }
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'rows keep their places under the pointer, and a selection is not lost, while others come',
  async () => {
    const page = await open('/ui/tasks?sort=-launchedAtMs');
    const first = page
      .getByRole('row')
      .filter({ has: page.getByRole('cell') })
      .first();
    await first.waitFor();
    const before = await first.textContent();
    await first.hover();
    await page.evaluate(`getSelection().selectAllChildren(document.querySelector('tbody td'))`);
    const selected = await page.evaluate<string>('getSelection().toString()');
    framework.add([cluster.task('newcomer')]);
    await page.getByText(/changes? waits? while you point here/).waitFor();
    expect((await first.textContent())?.slice(0, 10)).toBe(before?.slice(0, 10));
    expect(await page.evaluate<string>('getSelection().toString()')).toBe(selected);
    // Nothing more happens by which the list would be drawn again.
    await until(
      () => framework.inState('running').some((task) => task === 'newcomer'),
      () => `the newcomer runs; ${framework.said}`,
    );
    await delay(500);
    await page.evaluate('getSelection().removeAllRanges()');
    await page.mouse.move(5, 5);
    await first.getByText('newcomer').first().waitFor();
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'nothing moves by itself for who wants less motion, and hours are those of UTC for who wants them',
  async () => {
    const page = await open('/ui/events');
    await page.emulateMedia({ reducedMotion: 'reduce' });
    const hour = page.getByRole('row').first().getByRole('button');
    await hour.waitFor();
    const moving = `[...document.querySelectorAll('*')].filter((one) => {
      const { transitionDuration, animationDuration } = getComputedStyle(one);
      return [transitionDuration, animationDuration].some((each) => parseFloat(each) > 0.01);
    }).length`;
    expect(await page.evaluate(moving)).toBe(0);
    await page.getByRole('button', { name: 'hours are yours: change' }).click();
    await page.getByRole('button', { name: 'hours are those of UTC: change' }).waitFor();
    // Both at once: rows come all the time.
    const [text, title] = await hour.evaluate((one) => [
      one.textContent,
      one.getAttribute('title')?.slice(11, 19),
    ]);
    expect(text).toBe(title);
    await page.reload();
    await page.getByRole('button', { name: 'hours are those of UTC: change' }).waitFor();
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

test(
  'a page goes on after its gateway was killed, and misses no event of the time between',
  async () => {
    const page = await open('/ui/events?filter=alice/web/before');
    framework.add([cluster.scriptTask('before', 'true')]);
    await row(page, 'before').waitFor();
    await gateway.process.end('SIGKILL');
    framework.add([cluster.task('meanwhile')]);
    await until(
      () => framework.inState('running').includes('meanwhile'),
      () => `it runs while there is no gateway; ${framework.said}`,
    );
    await gateway.start();
    await page.getByRole('searchbox', { name: 'filter events' }).fill('alice/web/meanwhile');
    await row(page, 'meanwhile is running').waitFor();
    await row(page, 'meanwhile is staging').waitFor();
    // The browser says of each attempt that nobody answered.
    const refused = browser.complaints
      .splice(0)
      .filter((one) => !/ERR_CONNECTION_(?:REFUSED|RESET)|WebSocket/.test(one));
    expect(refused).toStrictEqual([]);
    await page.close();
  },
  TEST_TIMEOUT_MS,
);

type Told = {
  readonly sequence: number;
  readonly index: number;
  readonly wallTimeMs: number;
  readonly event: { readonly task?: { readonly taskId: string }; readonly to?: string };
};

async function get<Body>(place: string): Promise<Body> {
  const answer = await fetch(`${gateway.url}${place}`);
  // What is not as expected shows in what is compared.
  return (await answer.json()) as Body;
}
