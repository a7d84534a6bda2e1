// Tests what the page bears: an opened window of 10,000 tasks on 1,000 agents with 2,000 events a second, played, beside a
// small one. Nothing of it comes from a cluster: the page folds it by itself.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClusterFixture, TEST_TIMEOUT_MS } from '@parley/test-integration/cluster-fixture';
import { GatewayFixture } from '@parley/test-integration/gateway-fixture';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrowserFixture, picture } from './browser-fixture.ts';
import { scriptedWindow, type WindowSize } from './scripted-window.ts';

const PLAYED_MS = 3000;
/** Loose: machines do other things as well. */
const MAX_TIMES_SLOWER = 15;

const directory = mkdtempSync(path.join(tmpdir(), 'parley-window-'));
let cluster: ClusterFixture;
let gateway: GatewayFixture;
let browser: BrowserFixture;

beforeAll(async () => {
  // They are there to be closed, however far it comes.
  cluster = new ClusterFixture();
  browser = new BrowserFixture();
  await cluster.startServer();
  await cluster.provision();
  cluster.service('master-1').start();
  await cluster.service('master-1').says('"msg":"term begins"');
  gateway = new GatewayFixture(cluster);
  await gateway.start();
  await browser.start();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await browser.close();
  await gateway?.close();
  await cluster.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Milliseconds from frame to frame while it is played: the middle, and of a hundred the slowest but five. */
async function framesOf(size: WindowSize): Promise<{ p50: number; p95: number }> {
  const file = path.join(directory, `${size.tasks}.ndjson`);
  writeFileSync(file, scriptedWindow(size));
  const page = await browser.open(`${gateway.url}/ui/tasks`);
  await page.getByText('more').click();
  await page.getByLabel('Open an exported window').setInputFiles(file);
  await page.getByText(`This is the window of ${size.tasks}.ndjson`).waitFor();
  await page.getByText('more').click();
  await page
    .getByRole('status')
    .getByText(`${size.tasks.toLocaleString('en-US')} tasks`)
    .waitFor();
  await page.getByRole('slider', { name: 'moment' }).click({ position: { x: 1, y: 20 } });
  await page.getByRole('button', { name: 'play' }).click();
  const frames = await page.evaluate<number[]>(`new Promise((resolve) => {
    const took = [];
    const begunMs = performance.now();
    let lastMs = begunMs;
    const look = (nowMs) => {
      took.push(nowMs - lastMs);
      lastMs = nowMs;
      if (nowMs - begunMs < ${PLAYED_MS}) requestAnimationFrame(look);
      else resolve(took);
    };
    requestAnimationFrame(look);
  })`);
  await picture(page, `load-${size.tasks}`);
  await page.close();
  const sorted = frames.slice(1).sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p95: at(0.95) };
}

test(
  'a page that shows 10,000 tasks and 2,000 events a second still draws',
  async () => {
    const small = await framesOf({ agents: 10, tasks: 100, eventsASecond: 20, seconds: 10 });
    const large = await framesOf({ agents: 1000, tasks: 10_000, eventsASecond: 2000, seconds: 10 });
    const words = [small, large].map(
      ({ p50, p95 }) => `p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms`,
    );
    process.stdout.write(`frames: small ${words[0]}; 10,000 tasks ${words[1]}\n`);
    expect(large.p50).toBeLessThan(MAX_TIMES_SLOWER * small.p50);
    expect(browser.complaints).toStrictEqual([]);
  },
  TEST_TIMEOUT_MS,
);
