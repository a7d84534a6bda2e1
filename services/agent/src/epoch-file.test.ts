import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NO_EPOCH } from '@parley/protocol/epoch';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EpochFile } from './epoch-file.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'parley-epoch-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('the term that was written last is read by the next process', () => {
  const file = new EpochFile(directory);
  expect(file.read()).toEqual(NO_EPOCH);
  for (const revision of [7, 8]) {
    expect(file.write({ bucketCreatedMs: 5, revision }).ok).toBe(true);
    expect(new EpochFile(directory).read()).toEqual({ bucketCreatedMs: 5, revision });
  }
});

test('a damaged file is as none, and a directory that is gone is a failure', () => {
  for (const text of ['', '{"bucketCreatedMs":1', '{"bucketCreatedMs":-1,"revision":2}', '[]']) {
    writeFileSync(path.join(directory, 'leader-epoch.json'), text);
    expect(new EpochFile(directory).read(), text).toEqual(NO_EPOCH);
  }
  rmSync(directory, { recursive: true });
  expect(new EpochFile(directory).write(NO_EPOCH).ok).toBe(false);
});
