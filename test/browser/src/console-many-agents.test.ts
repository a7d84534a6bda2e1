// Tests that a page of 50,000 agents is no heavier than one of a few: the gateway filters, sorts and cuts, the page draws what
// is in sight, while things happen all the time. Bounds compare the one page with the other, on the same machine.
import { anAgentId, some } from '@parley/cluster/scripted-cluster';
import { ScriptedHistory } from '@parley/replay/scripted-history';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrowserFixture, picture } from './browser-fixture.ts';
import { ScriptedGateway } from './scripted-gateway.ts';

const TIMEOUT_MS = 240_000;
const MANY = 50_000;
/** More than the page has drawn at once: the small page scrolls, too. */
const FEW = 500;
const WATCHED_MS = 4000;
const EVENTS_EVERY_MS = 50;
const EVENTS_A_TURN = 20;
/** Loose: machines do other things as well. */
const MAX_TIMES_SLOWER = 15;

let browser: BrowserFixture;
const gateways = new Map<number, { gateway: ScriptedGateway; url: string }>();
const timers: NodeJS.Timeout[] = [];

beforeAll(async () => {
  browser = await new BrowserFixture().start();
  for (const size of [FEW, MANY]) {
    const history = new ScriptedHistory();
    history.startTerm();
    registerAll(history, size);
    const gateway = new ScriptedGateway(history);
    gateways.set(size, { gateway, url: await gateway.start() });
    timers.push(setInterval(() => happen(gateway, size), EVENTS_EVERY_MS));
  }
}, TIMEOUT_MS);

afterAll(async () => {
  for (const timer of timers) clearInterval(timer);
  await browser.close();
  for (const { gateway } of gateways.values()) await gateway.close();
});

const agentOf = (index: number) => anAgentId(`agent-${String(index).padStart(5, '0')}`);

/** In one entry: the invariants of a script are checked once for each. */
function registerAll(history: ScriptedHistory, size: number): void {
  const inputs = Array.from({ length: size }, (_, index) => {
    const agentId = agentOf(index);
    const body = { hostname: `${agentId}.example`, attributes: {}, total: some(16), tasks: [] };
    return history.callInput({ kind: 'agent', agentId }, { verb: 'register', body });
  });
  history.enter(...inputs);
}

let turn = 0;
function happen(gateway: ScriptedGateway, size: number): void {
  turn += 1;
  gateway.tell(
    Array.from({ length: EVENTS_A_TURN }, (_, index) => {
      const agentId = agentOf((turn * 7919 + index * 104_729) % size);
      return { type: turn % 2 === 0 ? 'agentDraining' : 'agentReactivated', agentId } as const;
    }),
  );
}

const placeOf = (size: number): string => gateways.get(size)?.url ?? '';
const counted = (page: Page, words: string) => page.getByRole('status').getByText(words);

type Seen = { p50: number; p95: number; longest: number; elements: number; largestMessage: number };

/** Scrolls from the first row to the last and looks at each frame. */
async function scrolled(size: number): Promise<Seen> {
  let largestMessage = 0;
  const page = await browser.open('about:blank');
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => {
      largestMessage = Math.max(largestMessage, payload.length);
    }),
  );
  await page.goto(`${placeOf(size)}/ui/agents`);
  await counted(page, `${size.toLocaleString('en-US')} agents`).waitFor();
  await page.getByText(agentOf(0), { exact: true }).waitFor();
  const { took, elements } = await page.evaluate<{ took: number[]; elements: number }>(
    `new Promise((resolve) => {
      const table = document.querySelector('table.scroller');
      const took = [];
      const begunMs = performance.now();
      let [lastMs, elements] = [begunMs, 0];
      const look = (nowMs) => {
        took.push(nowMs - lastMs);
        lastMs = nowMs;
        elements = Math.max(elements, document.querySelectorAll('*').length);
        const part = (nowMs - begunMs) / ${WATCHED_MS};
        table.scrollTop = part * (table.scrollHeight - table.clientHeight);
        if (part < 1) requestAnimationFrame(look);
        else resolve({ took: took.slice(1), elements });
      };
      requestAnimationFrame(look);
    })`,
  );
  await page.getByText(agentOf(size - 1), { exact: true }).waitFor();
  await page.close();
  const sorted = took.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), longest: at(1), elements, largestMessage };
}

test(
  'scrolling through 50,000 agents is as through 500: as many elements, as small messages, no longer frames',
  async () => {
    const [few, many] = [await scrolled(FEW), await scrolled(MANY)];
    for (const [size, seen] of [
      [FEW, few],
      [MANY, many],
    ] as const) {
      const times = [seen.p50, seen.p95, seen.longest].map((ms) => ms.toFixed(0)).join(' / ');
      process.stdout.write(
        `${size} agents: frames p50 / p95 / longest ${times} ms, ${seen.elements} elements, largest message ${seen.largestMessage} bytes\n`,
      );
    }
    expect(many.elements).toBeLessThan(1.5 * few.elements);
    expect(many.largestMessage).toBeLessThan(1.5 * few.largestMessage);
    expect(many.p50).toBeLessThan(MAX_TIMES_SLOWER * few.p50);
    expect(many.p95).toBeLessThan(MAX_TIMES_SLOWER * few.p95);
    expect(browser.complaints.splice(0)).toStrictEqual([]);
  },
  TIMEOUT_MS,
);

test(
  '50,000 agents are filtered and sorted by the gateway while one types',
  async () => {
    const page = await browser.open(`${placeOf(MANY)}/ui/agents`);
    await counted(page, '50,000 agents').waitFor();
    await page.getByRole('searchbox', { name: 'filter agents' }).pressSequentially('agent-4999');
    await counted(page, '10 agents').waitFor();
    await page.getByRole('button', { name: 'agent', exact: true }).click();
    const first = page
      .getByRole('row')
      .filter({ has: page.getByRole('cell') })
      .first();
    await first.getByText('agent-49999', { exact: true }).waitFor();
    expect(browser.complaints.splice(0)).toStrictEqual([]);
    await page.close();
  },
  TIMEOUT_MS,
);

test(
  'the grid of 50,000 agents draws a thousand at a time, leads to the others, and is moved through by keys',
  async () => {
    const page = await browser.open(`${placeOf(MANY)}/ui/agents?as=grid`);
    await counted(page, '50,000 agents, by what is allocated of them: 1 to 1,000').waitFor();
    const drawn = `(() => {
      const canvas = document.querySelector('canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((one, index) => index % 4 === 3 && one > 0).length / (data.length / 4);
    })()`;
    expect(await page.evaluate<number>(drawn)).toBeGreaterThan(0.4);
    expect(await page.getByRole('button', { name: 'fuller' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'emptier' }).click();
    await counted(page, '1,001 to 2,000').waitFor();
    await picture(page, 'agents-grid-50000');
    const slider = page.getByRole('slider', { name: 'agent' });
    const link = page.getByRole('region', { name: 'grid of agents' }).getByRole('link');
    const before = await link.textContent();
    await slider.press('ArrowRight');
    await link.filter({ hasNotText: before ?? '' }).waitFor();
    await slider.press('Tab');
    const named = await link.textContent();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `Agent ${named}` }).waitFor();
    expect(browser.complaints.splice(0)).toStrictEqual([]);
    await page.close();
  },
  TIMEOUT_MS,
);
