// Tests that a window which was exported by one gateway is looked at without any cluster: no bus, no gateway of it, nothing
// but the file; page by page, through time, and two moments beside each other.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { ScriptedHistory } from '@parley/replay/scripted-history';
import { WatchedProcess } from '@parley/test-integration/cluster-fixture';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BrowserFixture, picture } from './browser-fixture.ts';
import { ScriptedGateway } from './scripted-gateway.ts';
import { play } from './scripted-play.ts';

const TIMEOUT_MS = 120_000;
const MAIN = fileURLToPath(new URL('../../../services/gateway/src/main.ts', import.meta.url));
/** A shell would take parts of it for itself, a page too. */
const NAME = 'parley <b> window.ndjson.gz';

const directory = mkdtempSync(path.join(tmpdir(), 'parley-window-'));
const file = path.join(directory, NAME);
const server = new WatchedProcess('gateway', [MAIN]);
let browser: BrowserFixture;
let url: string;
let last: number;

beforeAll(async () => {
  browser = await new BrowserFixture().start();
  last = await exportWindow();
  server.start('--window', file, '--listen', '127.0.0.1:0');
  await server.says('"msg":"started"');
  url = String(server.line('"msg":"started"')['url']);
}, TIMEOUT_MS);

afterAll(async () => {
  await browser.close();
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

afterEach(() => {
  expect(browser.complaints.splice(0)).toStrictEqual([]);
});

/** By the link on the page of a gateway, which is gone when this is done. Returns the last entry of the history. */
async function exportWindow(): Promise<number> {
  const history = new ScriptedHistory();
  history.startTerm();
  const gateway = new ScriptedGateway(history);
  const page = await browser.open(`${await gateway.start()}/ui/tasks`);
  play(history, gateway);
  await page.getByText('more', { exact: true }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: /^Export from entry/ }).click();
  writeFileSync(file, gzipSync(readFileSync(await (await download).path())));
  await page.close();
  await gateway.close();
  return history.sequence;
}

const rowsOf = (page: Page) => page.getByRole('row').filter({ has: page.getByRole('cell') });

test(
  'each page of a window shows what is in it, and asks for nothing but itself and the file',
  async () => {
    const asked = new Set<string>();
    for (const [place, words] of [
      ['/', '3 tasks running'],
      ['/ui/frameworks', 'alice/web-2'],
      ['/ui/frameworks/alice/web', 'ended-2'],
      ['/ui/tasks', 'ended-3'],
      ['/ui/tasks/alice/web/ended-2', 'failed'],
      ['/ui/agents', 'a10'],
      ['/ui/agents?as=grid', '3 agents'],
      ['/ui/agents/a1', 'a1.example'],
      ['/ui/offers', 'outstanding'],
      ['/ui/roles', 'cpus: has 4, guarantee none, limit 12'],
      ['/ui/events', 'frameworkRemoved'],
      ['/ui/system', 'it begins after entry'],
    ] as const) {
      const page = await browser.open('about:blank');
      page.on('request', (one) => asked.add(new URL(one.url()).pathname));
      page.on('websocket', (one) => asked.add(one.url()));
      await page.goto(url + place);
      await page.getByText(`This is the window of ${NAME}.`).waitFor();
      await page.getByRole('main').getByText(words).first().waitFor();
      if (place === '/') await picture(page, 'window');
      await page.close();
    }
    const others = [...asked].filter((one) => !/^\/($|ui\/|window$)/.test(one));
    expect(others).toStrictEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'one steps through a window, the moment is in the address, and nothing leads to a present that is not there',
  async () => {
    const page = await browser.open(`${url}/ui/tasks`);
    await page.getByRole('status').getByText('8 tasks', { exact: true }).waitFor();
    for (let steps = 0; (await rowsOf(page).count()) > 7 && steps < 20; steps += 1) {
      await page.getByRole('button', { name: 'an event back' }).click();
    }
    await page.getByRole('status').getByText('7 tasks', { exact: true }).waitFor();
    expect(page.url()).toMatch(/[?&]at=\d+\.\d+/);
    await page.reload();
    await page.getByRole('status').getByText('7 tasks', { exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'live' }).isDisabled()).toBe(true);
    await page.close();
  },
  TIMEOUT_MS,
);

test(
  'one drags through a window, and it is played to its end',
  async () => {
    const page = await browser.open(`${url}/ui/tasks`);
    const tasks = (count: number) =>
      page
        .getByRole('status')
        .getByText(count === 1 ? '1 task' : `${count} tasks`, { exact: true });
    await tasks(8).waitFor();
    const bar = await page.getByRole('slider', { name: 'moment' }).boundingBox();
    if (bar === null) throw new Error('the bar of time is not there');
    const y = bar.y + bar.height / 2;
    await page.mouse.move(bar.x + bar.width - 1, y);
    await page.mouse.down();
    await page.mouse.move(bar.x + bar.width / 2, y, { steps: 5 });
    await page.mouse.move(bar.x + 1, y, { steps: 5 });
    await tasks(0).waitFor();
    await page.mouse.move(bar.x + bar.width - 1, y, { steps: 5 });
    await tasks(8).waitFor();
    await page.mouse.move(bar.x + 1, y, { steps: 5 });
    await page.mouse.up();
    // Nobody drags any more.
    await page.mouse.move(bar.x + bar.width - 1, y, { steps: 5 });
    await tasks(0).waitFor();
    await page.getByRole('combobox', { name: 'how fast' }).selectOption('100');
    await page.getByRole('button', { name: 'play' }).click();
    await tasks(8).waitFor();
    await page.close();
  },
  TIMEOUT_MS,
);

test(
  'two moments of a window are compared',
  async () => {
    const page = await browser.open(`${url}/ui/tasks?at=${last}`);
    await page.getByRole('status').getByText('8 tasks', { exact: true }).waitFor();
    await page.getByText('more', { exact: true }).click();
    await page.getByRole('link', { name: 'Compare this moment with another' }).click();
    await page.getByRole('textbox', { name: 'from' }).fill('first');
    await page.getByRole('button', { name: 'Compare' }).click();
    const came = page.getByRole('row').filter({ hasText: 'came' });
    await came.filter({ hasText: 'alice/web/begins' }).waitFor();
    await came.filter({ hasText: 'a10' }).first().waitFor();
    await page.getByRole('textbox', { name: 'from' }).fill(String(last));
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByText('Nothing that is shown here differs.').waitFor();
    await page.close();
  },
  TIMEOUT_MS,
);
