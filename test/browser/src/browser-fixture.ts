// Owns a browser for tests of the console: the distribution's Chromium without a window, pages whose every error is kept,
// pictures of them in output/. It tests nothing itself.
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { browserPath } from '@parley/setup/browser';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const OUTPUT = fileURLToPath(new URL('../output/', import.meta.url));
const BUILT = fileURLToPath(new URL('../../../services/console/dist/index.html', import.meta.url));
const SIZE = { width: 1280, height: 860 };
const WAIT_MS = 30_000;

export class BrowserFixture {
  /** What pages complained about: none is expected. */
  readonly complaints: string[] = [];
  #browser: Browser | undefined;
  #context: BrowserContext | undefined;

  async start(): Promise<this> {
    if (!existsSync(BUILT))
      throw new Error('the console is not built: node infra/setup/prepare.mjs console');
    const isRoot = process.getuid?.() === 0;
    this.#browser = await chromium.launch({
      executablePath: browserPath(process.env),
      args: isRoot ? ['--no-sandbox'] : [],
    });
    this.#context = await this.#browser.newContext({ viewport: SIZE, acceptDownloads: true });
    this.#context.setDefaultTimeout(WAIT_MS);
    return this;
  }

  /** A tab at this address. */
  async open(url: string): Promise<Page> {
    if (this.#context === undefined) throw new Error('the browser was not started');
    const page = await this.#context.newPage();
    page.on('pageerror', (error) => this.complaints.push(`${page.url()}: ${error.stack}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.complaints.push(`${page.url()}: ${message.text()}`);
    });
    await page.goto(url);
    return page;
  }

  async close(): Promise<void> {
    await this.#browser?.close();
  }
}

/** Kept in output/ for people to look at. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(OUTPUT, { recursive: true });
  await page.screenshot({ path: path.join(OUTPUT, `${name}.png`) });
}
