// Tests what somebody sees who types `npm start` and follows the link that it prints: one is signed in by it once, and sees
// WordCount run beside batch, as it runs. A whole local cluster, which is gone in the end.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '@parley/test-integration/cluster-fixture';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrowserFixture, picture } from './browser-fixture.ts';

const TIMEOUT_MS = 240_000;
const MAIN = fileURLToPath(new URL('../../../services/cli/src/main.ts', import.meta.url));
const LINK = /^console: (http:\/\/127\.0\.0\.1:\d+\/sign-in\?token=\S+)$/m;
/** As wide as pictures in documents are. */
const SIZE = { width: 1120, height: 760 };

const directory = mkdtempSync(path.join(tmpdir(), 'parley-seen-'));
let browser: BrowserFixture;
let started: ChildProcess;
let ended: Promise<number | null>;
let said = '';

beforeAll(async () => {
  browser = await new BrowserFixture().start();
  const input = path.join(directory, 'input');
  mkdirSync(input);
  const text = 'so many words are counted as there are in it\n'.repeat(20_000);
  for (let file = 0; file < 40; file += 1) writeFileSync(path.join(input, `file-${file}`), text);
  started = spawn(process.execPath, [MAIN, 'start', '--input', input], {
    env: { ...process.env, PARLEY_DIRECTORY: directory },
  });
  for (const output of [started.stdout, started.stderr])
    output?.on('data', (data) => {
      said += String(data);
    });
  ended = new Promise((resolve) => started.once('close', resolve));
}, TIMEOUT_MS);

afterAll(async () => {
  await browser.close();
  // As Ctrl-C does: it takes everything down.
  if (started.exitCode === null) started.kill('SIGINT');
  await ended;
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

test(
  'the link is there before the first task, signs in once, and leads to a page on which WordCount runs',
  async () => {
    await until(
      () => LINK.test(said),
      () => `the link is printed; ${said}`,
    );
    const link = String(LINK.exec(said)?.[1]);
    const page = await browser.open(link);
    await page.setViewportSize(SIZE);
    await page.getByRole('heading', { name: 'Resources' }).waitFor();
    const again = await fetch(link, { redirect: 'manual' });
    expect(again.headers.get('set-cookie')).toBeNull();
    const { origin } = new URL(link);
    const list = await page.context().newPage();
    await list.goto(`${origin}/ui/tasks?filter=principal:mapreduce`);
    await list
      .getByRole('row')
      .filter({ hasText: 'mapreduce/' })
      .getByText('running')
      .first()
      .waitFor({ timeout: TIMEOUT_MS });
    const numbers = page.getByRole('region', { name: 'numbers' });
    await numbers.getByRole('link', { name: '2 frameworks' }).waitFor();
    const { items } = await list.evaluate<{ items: { sequence: number; index: number }[] }>(
      `fetch('/v1/events?filter=taskStateChanged&limit=1000').then((answer) => answer.json())`,
    );
    const moment = items.at(Math.floor(items.length / 2));
    await list.setViewportSize({ ...SIZE, height: 520 });
    await list.goto(`${origin}/ui/tasks?at=${moment?.sequence}.${moment?.index}`);
    await list.getByRole('row').filter({ hasText: 'batch/' }).first().waitFor();
    await picture(list, 'start-past');
    // Then there are lines to see, too.
    await list.goto(`${origin}/ui/tasks?filter=principal:mapreduce%20state:finished`);
    await list.getByRole('row').filter({ hasText: 'mapreduce/' }).nth(4).waitFor();
    await picture(page, 'start-overview');
    expect(browser.complaints).toStrictEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'when all words are counted the start says so and is gone',
  async () => {
    expect(await ended, said).toBe(0);
    expect(said).toContain('The twenty commonest words:');
    expect(said.search(LINK)).toBeLessThan(said.indexOf('The twenty commonest words:'));
  },
  TIMEOUT_MS,
);
