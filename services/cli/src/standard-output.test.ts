// Tests what becomes of a process whose output nobody reads any more, in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MODULE = fileURLToPath(new URL('standard-output.ts', import.meta.url));

test.each([
  ['little', 2],
  ['much', 1_000_000],
])(
  'who writes %s at once hears that nobody reads any more, and can still do something about it',
  async (_, bytes) => {
    const script = `
    import { writeOut } from ${JSON.stringify(MODULE)};
    try {
      for (;;) await writeOut(Buffer.alloc(${bytes}, 'y'));
    } catch (error) {
      await new Promise(setImmediate);
      process.exitCode = error.code === 'EPIPE' ? 33 : 34;
    }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([33, null]);
  },
);
