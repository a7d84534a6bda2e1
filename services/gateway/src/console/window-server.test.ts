// Tests what a gateway says that cannot show a window: in words, with what helps.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { assert } from '@parley/protocol/unreachable';
import { expect, onTestFinished, test } from 'vitest';
import { readWindowOptions, serveWindow } from './window-server.ts';

const MEANS = {
  logger: { info: () => undefined, warn: () => undefined, error: () => undefined } as never,
  nowMs: () => 0,
};

function aWindow(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-window-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'a.window');
  writeFileSync(file, 'a window');
  return file;
}

function serve(file: string, listen: string) {
  const options = readWindowOptions(['--window', file, '--listen', listen]);
  assert(options.ok && options.value !== undefined, 'these options are right');
  return serveWindow(options.value, MEANS);
}

test('where somebody listens already the next one is told how to take another port', async () => {
  const file = aWindow();
  const first = await serve(file, '127.0.0.1:0');
  assert(first.ok, 'a free port is there');
  onTestFinished(first.value.close);
  expect(await serve(file, new URL(first.value.url).host)).toMatchObject({
    failure: {
      code: 'unavailable',
      message: expect.stringMatching(/EADDRINUSE.*; --listen 127\.0\.0\.1:0 takes a port/),
    },
  });
});

test('a file that is not there is named', async () => {
  const file = `${aWindow()}-not`;
  expect(await serve(file, '127.0.0.1:0')).toMatchObject({
    failure: { message: `--window ${file}: there is no such file` },
  });
});
