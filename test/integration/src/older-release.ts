// Owns a build of the release before this one, for tests of upgrades: a copy of the tree in which the versions are one lower.
// It tests nothing itself.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { OLDEST_RULES } from '@parley/cluster/rules';
import { PROTOCOL_VERSION } from '@parley/protocol/envelope';

const TREE = fileURLToPath(new URL('../../..', import.meta.url));
const COPIED = ['libs', 'services'] as const;

export type OlderRelease = {
  readonly services: string;
  readonly remove: () => void;
};

/**
 * It speaks the protocol version before this one's and knows no rules but the oldest that this one knows.
 * `writesFirstRecords`: its agent writes records of tasks of the first version, and reads no others. What the first version
 * did not know stands in them still; who reads them leaves it out.
 */
export function copyOlderRelease({ writesFirstRecords = false } = {}): OlderRelease {
  const root = mkdtempSync(path.join(tmpdir(), 'parley-older-'));
  for (const part of [...COPIED, 'package.json']) {
    cpSync(path.join(TREE, part), path.join(root, part), { recursive: true });
  }
  linkModules(root);
  patch(root, 'libs/protocol/src/envelope.ts', [
    `export const PROTOCOL_VERSION = ${PROTOCOL_VERSION};`,
    `export const PROTOCOL_VERSION = ${PROTOCOL_VERSION - 1};`,
  ]);
  patch(root, 'libs/cluster/src/rules.ts', [
    /export const NEWEST_RULES = \d+;/,
    `export const NEWEST_RULES = ${OLDEST_RULES};`,
  ]);
  if (writesFirstRecords) {
    const file = 'services/agent/src/task-record.ts';
    patch(root, file, ['TASK_RECORD_VERSION = 2;', 'TASK_RECORD_VERSION = 1;']);
    patch(root, file, ['[FirstTaskRecord, TaskRecord]', '[TaskRecord]']);
  }
  return {
    services: path.join(root, 'services'),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** What others made is the tree's; our own packages are the copy's. */
function linkModules(root: string): void {
  const from = path.join(TREE, 'node_modules');
  const to = path.join(root, 'node_modules');
  mkdirSync(path.join(to, '@parley'), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== '@parley') symlinkSync(path.join(from, name), path.join(to, name));
  }
  for (const part of COPIED) {
    for (const name of readdirSync(path.join(root, part))) {
      symlinkSync(path.join(root, part, name), path.join(to, '@parley', name));
    }
  }
}

function patch(root: string, file: string, [before, after]: [string | RegExp, string]): void {
  const place = path.join(root, file);
  const text = readFileSync(place, 'utf8');
  const patched = text.replace(before, after);
  if (patched === text) throw new Error(`${file} does not hold ${before}`);
  writeFileSync(place, patched);
}
