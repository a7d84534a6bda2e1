// Tests that one agent has a work directory, with real locks: of this process, of another one, and of older releases.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { identifyProcess } from '@parley/isolation/process-identity';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockWorkDirectory } from './agent-lock.ts';

let base: string;
let workDirectory: string;
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'parley-lock-'));
  workDirectory = path.join(base, 'work');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const lock = () => lockWorkDirectory(workDirectory, process.pid);

/** Whether it can be had; it is given back at once. */
async function isFree(): Promise<boolean> {
  const held = await lock();
  if (held.ok) await held.value.release();
  return held.ok;
}

test('of many that want it at a time one has it, and the next when that one gives it back', async () => {
  for (let round = 0; round < 5; round += 1) {
    const all = await Promise.all(Array.from({ length: 8 }, lock));
    const held = all.filter((each) => each.ok);
    expect(held).toHaveLength(1);
    for (const each of all) {
      if (!each.ok) expect(each.failure).toMatchObject({ code: 'notPermitted' });
    }
    await held[0]?.value.release();
  }
});

test('a process that is killed has it no longer', async () => {
  const program = `
    import { lockWorkDirectory } from ${JSON.stringify(new URL('./agent-lock.ts', import.meta.url).href)};
    const lock = await lockWorkDirectory(process.argv[1], process.pid);
    process.stdout.write(String(lock.ok));
    setInterval(() => lock, 1000);`;
  const argv = ['--input-type=module', '--eval', program, workDirectory];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    expect(String((await once(child.stdout, 'data'))[0])).toBe('true');
    const refused = await lock();
    expect(!refused.ok && refused.failure.message).toContain(`process ${child.pid} runs an agent`);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  expect(await isFree()).toBe(true);
});

test('an agent of an older release, which only wrote itself down, is heeded while it lives', async () => {
  expect(await isFree()).toBe(true);
  const file = path.join(workDirectory, 'agent.lock');
  const parent = await identifyProcess(process.ppid);
  writeFileSync(file, JSON.stringify(parent));
  const refused = await lock();
  expect(!refused.ok && refused.failure.message).toContain(`process ${process.ppid} runs an agent`);
  writeFileSync(file, JSON.stringify({ ...parent, startTicks: '1' }));
  expect(await isFree()).toBe(true);
});
