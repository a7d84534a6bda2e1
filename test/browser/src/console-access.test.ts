// Tests the console where one has to sign in: nothing is shown before, the link of the sign-in file lets in, and who is in
// changes things as the gateway asks it of pages.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ClusterFixture, TEST_TIMEOUT_MS } from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrowserFixture } from './browser-fixture.ts';

let cluster: ClusterFixture;
let gateway: GatewayFixture;
let browser: BrowserFixture;
let signInFile: string;

beforeAll(async () => {
  // They are there to be closed, however far it comes.
  cluster = new ClusterFixture();
  signInFile = path.join(cluster.directory, 'sign-in.json');
  browser = new BrowserFixture();
  await cluster.start();
  gateway = new GatewayFixture(cluster, '--sign-in-file', signInFile);
  await gateway.start();
  await browser.start();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await browser.close();
  await gateway?.close();
  await cluster.close();
});

test(
  'who has not signed in is led to where one does, and whoever comes by the link sees the cluster and may change it',
  async () => {
    const stranger = await browser.open(`${gateway.url}/ui/agents`);
    await stranger.waitForURL('**/sign-in?next=*');
    await stranger.close();
    // The browser itself tells of each answer 401.
    const others = browser.complaints.splice(0).filter((one) => !/401|WebSocket/.test(one));
    expect(others).toStrictEqual([]);

    const { link } = JSON.parse(readFileSync(signInFile, 'utf8'));
    const page = await browser.open(link);
    await page.getByRole('heading', { name: 'Resources' }).waitFor();
    await page.goto(`${gateway.url}/ui/agents/a2`);
    for (const [title, condition] of [
      ['Drain agent', 'draining'],
      ['Reactivate agent', 'active'],
    ] as const) {
      const shown = page.locator('.state', { hasText: condition }).first();
      // The page hears what became of it before it is answered, as it may.
      await page.route('**/v1/agents/a2/*', async (route) => {
        if (route.request().method() !== 'POST') return route.fallback();
        const answer = await route.fetch();
        await shown.waitFor();
        return route.fulfill({ response: answer });
      });
      await page.getByRole('button', { name: title }).click();
      const dialog = page.getByRole('dialog', { name: title });
      await dialog.getByRole('textbox').fill('a2');
      await dialog.getByRole('button', { name: title }).click();
      await dialog.getByText('Done.').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      await shown.waitFor();
      await page.unroute('**/v1/agents/a2/*');
    }
    await page.goto(`${gateway.url}/ui/system`);
    await page.getByText('the owner of the sign-in file').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL('**/sign-in');
    expect(browser.complaints).toStrictEqual([]);
  },
  TEST_TIMEOUT_MS,
);
