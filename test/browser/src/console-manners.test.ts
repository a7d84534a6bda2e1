// Tests how pages meet those who look at them: by keys alone, with little sight, with a reader of the screen; and how they
// say why somebody is offered nothing.

import { succeed } from '@parley/protocol/errors';
import { ExplainedNeed, Explanation } from '@parley/protocol/explanations';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type BrowserFixture, picture } from './browser-fixture.ts';
import { faintTexts, nameless, unreached } from './page-checks.ts';
import { openPlayedConsole } from './played-console.ts';
import type { ScriptedGateway } from './scripted-gateway.ts';

const TIMEOUT_MS = 240_000;
const PAGES = [
  ['/', 'In trouble'],
  ['/ui/frameworks', 'web-2'],
  ['/ui/frameworks/alice/web', 'ended-2'],
  ['/ui/tasks', 'ended-2'],
  ['/ui/tasks/alice/web/ended-2', 'failed'],
  ['/ui/tasks/alice/web/unheard-of', 'It is not launched'],
  ['/ui/agents', 'a10'],
  ['/ui/agents?as=grid', '3 agents'],
  ['/ui/agents/a1', 'a1.example'],
  ['/ui/offers', 'outstanding'],
  ['/ui/offers?as=lines', 'accepted'],
  ['/ui/roles', 'eng/team'],
  ['/ui/events', 'frameworkRemoved'],
  ['/ui/system', 'signed in as'],
  ['/ui/compare?from=first', 'came'],
  ['/ui/tasks?at=5', 'the past'],
] as const;

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

test.each(PAGES)(
  'on %s all that is in use has a name, is reached by keys and shows it, and every text stands out, light and dark',
  async (place, words) => {
    const page = await browser.open(url + place);
    await page.getByRole('main').getByText(words).first().waitFor();
    expect.soft(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
    expect.soft(await page.title()).toMatch(/ · Parley$/);
    expect.soft(await nameless(page)).toStrictEqual([]);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect.soft(await faintTexts(page), colorScheme).toStrictEqual([]);
    }
    expect.soft(await unreached(page)).toStrictEqual([]);
    await page.close();
  },
  TIMEOUT_MS,
);

/** Of a framework that waits for an agent with 64 CPUs, or needs nothing. */
function explanation(state: 'waits' | 'needsNothing'): Explanation {
  const need = ExplainedNeed.parse({
    ...{ resources: { scalars: { cpus: 64_000 } }, constraints: [], agents: 2, suitable: 0 },
    reasons: [{ kind: 'tooSmall', count: 2, resource: 'cpus', best: 16_000, needed: 64_000 }],
  });
  const share = { used: 0, total: 32_000, weight: 1000, of: 1 };
  const client = {
    ...{ framework: { principal: 'alice', frameworkId: 'web-2' }, role: 'eng/team', state, share },
    ...{ offers: { outstanding: 0, proposed: 0 }, refusals: { agents: 0 }, quotas: [] },
    ...{ needs: state === 'waits' ? [need] : [], needsLeftOut: 0 },
  };
  return Explanation.parse({ agents: 2, openAgents: 2, clients: [client], clientsLeftOut: 0 });
}

test(
  'who wants something and was offered nothing for long has a badge that says since when and why, and who wants nothing has none',
  async () => {
    gateway.answer = succeed(explanation('waits'));
    const page = await browser.open(`${url}/ui/frameworks`);
    const row = page.getByRole('row').filter({ hasText: 'alice/web-2' });
    const badge = row.getByText(/^⚠ no offer for .+: 2 are too small in cpus \(best 16 of 64\)$/);
    await badge.waitFor();
    await picture(page, 'starved');
    // It has an offer that is not answered.
    const offered = page
      .getByRole('row')
      .filter({ has: page.getByText('alice/web', { exact: true }) });
    expect(await offered.getByText('⚠').count()).toBe(0);
    gateway.answer = succeed(explanation('needsNothing'));
    await page.reload();
    await row.waitFor();
    await page.waitForResponse((answer) => answer.url().endsWith('/explain'));
    await badge.waitFor({ state: 'detached' });
    await page.close();
  },
  TIMEOUT_MS,
);

test(
  'a framework says why it waits when it is asked, and a task that was launched that it waits for no offer',
  async () => {
    // Of the page of a task its output and files are asked, too.
    const output = { data: Buffer.from(''), offset: 0, size: 0, ended: true };
    const files = { kind: 'list', entries: [], isCut: false };
    gateway.answer = succeed({ ...output, ...files, ...explanation('waits') });
    for (const [place, words] of [
      ['frameworks/alice/web-2', '2 are too small in cpus (best 16 of 64)'],
      ['tasks/alice/web/begins', 'It waits for no offer: it is staging on a10.'],
    ] as const) {
      const page = await browser.open(`${url}/ui/${place}`);
      const why = page.getByRole('region', { name: 'why it waits' });
      await why.getByRole('button', { name: 'Why does it wait?' }).click();
      await why.getByText(words).first().waitFor();
      await page.close();
    }
  },
  TIMEOUT_MS,
);
