// Sandboxes on a real file system: names that may not leave the work directory, logs read in ranges, links that
// are not followed, and a disk that is full.

import { execFileSync } from 'node:child_process';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSandbox, readLog, removeSandbox } from './sandbox.ts';

const identity = {
  cluster: 'prod',
  agentId: 'agent-1',
  principal: 'team',
  frameworkId: 'batch',
  taskId: 'task-1',
};
let work = '';

beforeEach(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'parley-sandbox-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

async function aSandbox(): Promise<string> {
  const made = await createSandbox(work, identity);
  if (!made.ok) throw new Error(made.failure.message);
  return made.directories.sandboxDirectory;
}

describe('a sandbox', () => {
  it('lies below its principal and framework and is made and removed as often as asked', async () => {
    const sandbox = await aSandbox();
    expect(sandbox).toBe(path.join(work, 'sandboxes/team/batch/task-1'));
    await writeFile(path.join(sandbox, 'file'), 'x');
    expect(await aSandbox()).toBe(sandbox);
    expect((await stat(sandbox)).mode & 0o777).toBe(0o700);
    expect(await removeSandbox(work, identity)).toEqual({ ok: true });
    expect(await removeSandbox(work, identity)).toEqual({ ok: true });
    expect(await readdir(path.dirname(sandbox))).toEqual([]);
  });

  it.each(['..', '.', '', 'a/b', '/etc', 'a\0b', 'x'.repeat(65)])(
    'is refused for the id %j',
    async (bad) => {
      for (const key of ['principal', 'frameworkId', 'taskId']) {
        const made = await createSandbox(work, { ...identity, [key]: bad });
        expect(made).toMatchObject({ ok: false, failure: { code: 'invalidId' } });
        const removed = await removeSandbox(work, { ...identity, [key]: bad });
        expect(removed).toMatchObject({ ok: false, failure: { code: 'invalidId' } });
      }
      expect(await readdir(work)).toEqual([]);
    },
  );
});

describe('a log', () => {
  it('read piece by piece is the whole file, whatever the size of the pieces', async () => {
    const sandbox = await aSandbox();
    const file = path.join(sandbox, 'stdout');
    const anything = fc.uint8Array({ maxLength: 300 });
    const property = fc.asyncProperty(
      anything,
      fc.integer({ min: 1, max: 50 }),
      async (bytes, maxBytes) => {
        await writeFile(file, bytes);
        const pieces: Buffer[] = [];
        for (let offset = 0; offset < bytes.length; offset += maxBytes) {
          const read = await readLog({
            sandboxDirectory: sandbox,
            stream: 'stdout',
            offset,
            maxBytes,
          });
          if (!read.ok) throw new Error(read.failure.message);
          expect(read.size).toBe(bytes.length);
          pieces.push(read.data);
        }
        expect(Buffer.concat(pieces)).toEqual(Buffer.from(bytes));
      },
    );
    await fc.assert(property, { numRuns: 30 });
  });

  it('is empty beyond its end, and grows', async () => {
    const sandbox = await aSandbox();
    const read = { sandboxDirectory: sandbox, stream: 'stderr', offset: 3, maxBytes: 10 } as const;
    await writeFile(path.join(sandbox, 'stderr'), 'abc');
    expect(await readLog(read)).toMatchObject({ ok: true, data: Buffer.alloc(0), size: 3 });
    await appendFile(path.join(sandbox, 'stderr'), 'def');
    expect(await readLog(read)).toMatchObject({ ok: true, data: Buffer.from('def'), size: 6 });
  });

  it('that is missing, a link or a directory is not found', async () => {
    const sandbox = await aSandbox();
    const read = { sandboxDirectory: sandbox, stream: 'stdout', offset: 0, maxBytes: 10 } as const;
    const notFound = { ok: false, failure: { code: 'notFound' } };
    expect(await readLog(read)).toMatchObject(notFound);
    await symlink('/etc/passwd', path.join(sandbox, 'stdout'));
    expect(await readLog(read)).toMatchObject(notFound);
    await mkdir(path.join(sandbox, 'stderr'));
    expect(await readLog({ ...read, stream: 'stderr' })).toMatchObject(notFound);
  });
});

it('a full disk is a failure with that name', async ({ skip }) => {
  skip(process.getuid?.() !== 0, 'only root can mount a small file system');
  // A file system with room for a few files only; its root, `sandboxes` and `runs` take the inodes.
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=4', 'tmpfs', work]);
  try {
    const made = await createSandbox(work, identity);
    expect(made).toMatchObject({ ok: false, failure: { code: 'diskFull' } });
  } finally {
    execFileSync('umount', [work]);
  }
});
