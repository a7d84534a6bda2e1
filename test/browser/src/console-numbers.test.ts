// Tests that every number of rows that a page shows leads to a list of just so many rows.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

test.each([
  '/',
  '/ui/frameworks',
  '/ui/frameworks/alice/web',
  '/ui/frameworks/alice/web-2',
  '/ui/agents',
  '/ui/agents/a1',
  '/ui/agents/a10',
  '/ui/roles',
  '/ui/system',
])(
  'each number of rows on %s is a link to a list of so many rows',
  async (place) => {
    const page = await browser.open(url + place);
    const links = page.getByRole('main').locator('a[data-count]');
    await links.first().waitFor();
    const numbers = await links.evaluateAll((all) =>
      all.map((one) => ({
        count: Number(one.getAttribute('data-count')),
        said: one.textContent ?? '',
        href: one.getAttribute('href') ?? '',
      })),
    );
    for (const { count, said, href } of numbers) {
      expect(said, href).toMatch(new RegExp(`^${count}\\b`));
      await links
        .and(page.locator(`[href="${href}"]`))
        .first()
        .click();
      expect(await countListed(page, count), `${place}: ${said} → ${href}`).toBe(count);
      await page.goBack();
    }
    expect(browser.complaints.splice(0)).toStrictEqual([]);
    await page.close();
  },
  TIMEOUT_MS,
);

/** How many rows the list of this page has, once it has as many as are wanted, or after a while. */
async function countListed(page: Page, wanted: number): Promise<number> {
  const said = page.getByRole('main').getByRole('status').first();
  await said
    .getByText(new RegExp(`^${wanted} `))
    .waitFor({ timeout: 3000 })
    .catch(() => undefined);
  return Number.parseInt((await said.textContent()) ?? '', 10);
}

test(
  'whatever is a whole number in a list of frameworks or agents is a link, but for amounts and rates',
  async () => {
    const page = await browser.open(`${url}/ui/frameworks`);
    for (const list of ['frameworks', 'agents']) {
      await page.goto(`${url}/ui/${list}`);
      await page.locator('td').first().waitFor();
      const bare = await page.evaluate<string[]>(`(() => {
        const titles = [...document.querySelectorAll('th')].map((one) => one.textContent.trim());
        return [...document.querySelectorAll('tbody tr')].flatMap((row) =>
          [...row.cells].flatMap((cell, index) =>
            /^[0-9,]+$/.test(cell.textContent) && cell.querySelector('a') === null ? [titles[index]] : []));
      })()`);
      expect(bare.filter((title) => !/^(?:cpus|offers\/s)/.test(title))).toStrictEqual([]);
    }
    await page.close();
  },
  TIMEOUT_MS,
);
