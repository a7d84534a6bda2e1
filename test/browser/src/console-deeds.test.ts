// Tests what is done on pages, over a scripted gateway: each change shows the command line that equals what is asked, takes the
// name, and is carried out once; output of several tasks is read together, stopped, searched and taken away.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { BrowserFixture } from './browser-fixture.ts';
import { openPlayedConsole } from './played-console.ts';
import type { ScriptedGateway } from './scripted-gateway.ts';

const TIMEOUT_MS = 120_000;

let browser: BrowserFixture;
let gateway: ScriptedGateway;
let url: string;

beforeAll(async () => {
  ({ browser, gateway, url } = await openPlayedConsole());
}, TIMEOUT_MS);

afterAll(async () => {
  await browser.close();
  await gateway.close();
});

afterEach(() => {
  expect(browser.complaints.splice(0)).toStrictEqual([]);
});

type Deed = { place: string; title: string; name: string; fields?: string[]; effect: string };

test.each<Deed>([
  {
    place: '/ui/frameworks/alice/web-2',
    title: 'Tear down framework',
    name: 'web-2',
    effect: 'Ends alice/web-2 for good and kills its 3 live tasks.',
  },
  {
    place: '/ui/agents/a1',
    title: 'Drain agent',
    name: 'a1',
    effect: 'Nothing more is offered of a1, and its 1 live task is asked to stop.',
  },
  {
    place: '/ui/roles',
    title: 'Set quota and weight',
    name: 'eng',
    fields: ['2', 'cpus=1', 'cpus=4,mem=1024'],
    effect: 'Changes how much of the cluster eng gets.',
  },
])(
  '"$title" says what it does, takes the name, and does what the command line that it shows does',
  async ({ place, title, name, fields = [], effect }) => {
    const page = await browser.open(url + place);
    const rows = page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });
    const scope = place === '/ui/roles' ? rows : page;
    await scope.getByRole('button', { name: title }).first().click();
    const dialog = page.getByRole('dialog', { name: title }).first();
    const boxes = dialog.getByRole('textbox');
    for (const [index, value] of fields.entries()) await boxes.nth(index).fill(value);
    await dialog.getByText(effect).waitFor();
    const confirm = dialog.getByRole('button', { name: title });
    await boxes.last().fill(name.slice(0, -1));
    expect(await confirm.isDisabled()).toBe(true);
    await boxes.last().fill(name);
    const answered = page.waitForResponse((answer) => answer.request().method() !== 'GET');
    await confirm.click();
    const { command } = await (await answered).json();
    const shown = await dialog.locator('code').first().textContent();
    expect(shown?.replaceAll('npx ', '')).toBe(command);
    await dialog.getByText('Done.').waitFor();
    expect(await confirm.isDisabled()).toBe(true);
    await page.close();
  },
  TIMEOUT_MS,
);

test.each([
  ['/ui/frameworks/alice/web-2', 'Tear down framework'],
  ['/ui/agents/a1', 'Drain agent'],
  ['/ui/roles', 'Set quota and weight'],
  ['/ui/tasks/alice/web/begins', 'Kill task'],
])(
  'in the past %s has no "%s" that can be pressed',
  async (place, title) => {
    const page = await browser.open(url + place);
    const button = page.getByRole('button', { name: title });
    await button.first().waitFor();
    expect(await button.first().isEnabled()).toBe(true);
    await page.getByRole('button', { name: 'an event back' }).click();
    await page.getByText('nothing can be changed').waitFor();
    await page.getByRole('heading', { level: 1 }).waitFor();
    for (const one of await button.all()) expect(await one.isDisabled()).toBe(true);
    await page.close();
  },
  TIMEOUT_MS,
);

test(
  'output of running tasks is read together, each line with whose it is, stopped, and searched',
  async () => {
    const page = await browser.open(`${url}/ui/frameworks/alice/web-2`);
    const outputs = page.getByRole('region', { name: 'output of its tasks' });
    await outputs.getByRole('button', { name: 'Show it' }).click();
    await outputs.getByText('3 lines, ended').waitFor();
    const whose = await outputs.locator('.prefix').allTextContents();
    expect(new Set(whose).size).toBe(3);
    await outputs.getByRole('button', { name: 'pause' }).click();
    await outputs.getByRole('button', { name: 'go on' }).waitFor();
    await outputs.getByRole('searchbox', { name: 'search in the output' }).fill('nothing like it');
    await outputs.getByText('0 lines').waitFor();
    await page.close();
  },
  TIMEOUT_MS,
);

test(
  'output is taken away as a file that holds just what the task wrote',
  async () => {
    const page = await browser.open(`${url}/ui/tasks/alice/web/ended-2`);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'download ended-2.stdout' }).click();
    const taken = await download;
    expect(taken.suggestedFilename()).toBe('ended-2.stdout');
    expect(readFileSync(await taken.path(), 'utf8')).toBe('a line');
    await page.close();
  },
  TIMEOUT_MS,
);
