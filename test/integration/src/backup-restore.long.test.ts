// Owns the proof that a cluster whose NATS has lost everything is had back by the operator's page: the copy that its commands
// make, the way back, what is there again, and what is not.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decode } from '@parley/protocol/codec';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { until } from './cluster-fixture.ts';
import { clone, OperatingPage } from './operating-page.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 120_000 });

let page: OperatingPage;
const work: ChildProcess[] = [];

beforeAll(async () => {
  page = await OperatingPage.open();
});
afterAll(async () => {
  for (const child of work) if (child.exitCode === null) child.kill('SIGKILL');
  await page?.close();
});

const file = (name: string): string => path.join(page.directory, name);
const lines = (name: string): number =>
  existsSync(file(name)) ? readFileSync(file(name), 'utf8').split('\n').length - 1 : 0;

/** What a copy holds, as text. */
function keptIn(name: string): string {
  const { parts } = SettingsBackup.parse(JSON.parse(readFileSync(file(name), 'utf8')));
  return JSON.stringify(Object.values(parts).map((part) => decode(Buffer.from(part, 'base64'))));
}

const SettingsBackup = z.object({ parts: z.record(z.string(), z.string()) });

/** Commands that run until their gate is open, as a process of their own: it lives through everything. */
function startWork(instances: number): {
  readonly ended: Promise<number | null>;
  said: () => string;
} {
  const creds = file('.parley/init/prod/credentials/principal-wordcount.json');
  const main = path.join(clone, 'services/cli/src/main.ts');
  const task = `echo $$ >> ${file('runs')}; while [ -d ${page.directory} ] && [ ! -e ${file('gate')} ]; do sleep 0.2; done`;
  const words = ['run', '--creds', creds, '--role', 'wordcount', '--instances', String(instances)];
  const env = { ...process.env, PARLEY_DIRECTORY: file('.parley'), PARLEY_CONTEXT: 'prod' };
  const child = spawn(process.execPath, [main, ...words, '--', 'sh', '-c', task], { env });
  work.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      said += text.toString();
    });
  }
  const ended = once(child, 'close').then(() => child.exitCode);
  return { ended, said: () => said };
}

/** Masters, allocators and all nodes of NATS, with their disks; and what this host knew of the cluster. Agents go on. */
async function loseAll(): Promise<void> {
  for (const number of [1, 2, 3]) {
    await page.shell(`systemctl kill --signal=SIGKILL parley-master@master-${number}`);
  }
  for (const number of [1, 2]) {
    await page.shell(`systemctl kill --signal=SIGKILL parley-allocator@allocator-${number}`);
  }
  for (const node of page.nats.nodes) {
    await node.kill();
    node.wipe();
  }
  rmSync(file('.parley/init'), { recursive: true });
  await page.startNodes();
}

test('what operators had set is there again, tasks went on and ran once, and what was set after the copy is lost', async () => {
  await page.install();
  await page.expectAllUp();
  await page.shell('npx parley quota set team --guarantee cpus=1 && npx parley weight set team 3');
  await page.shell('npx parley principal add research --roles research,batch');
  await page.shell('npx parley agent deactivate agent-2');
  const three = startWork(3);
  await until(
    () => lines('runs') === 3,
    () => `three runs: ${three.said()}`,
  );
  // The bucket may be some seconds behind.
  await until(
    async () => {
      await page.typed('backup');
      const kept = keptIn('parley-settings.json');
      return /"role":"team".*"weight":3000/.test(kept) && /"isDeactivated":true/.test(kept);
    },
    () => `the copy holds what was set: ${keptIn('parley-settings.json')}`,
  );
  await page.shell('npx parley weight set later 5');
  expect(await page.shell('npx parley restore $HOME/parley-settings.json || true')).toMatch(
    /nothing was put back[\s\S]*the books of cluster prod are there/,
  );

  await loseAll();
  expect(await page.typed('restore')).toContain('put back what was set in cluster prod');
  await page.expectAllUp();
  await until(
    async () =>
      /3 tasks and 0 executors of \d agents taken over/.test(await page.shell('npx parley status')),
    () => 'the tasks are taken over',
  );
  expect(JSON.parse(await page.shell('npx parley weight list --json'))).toEqual({
    roles: [{ role: 'team', weight: 3000 }],
    frameworks: [],
  });
  expect(await page.shell('npx parley quota list')).toMatch(/team +cpus 1/);
  expect(await page.shell('npx parley agent list')).toMatch(/agent-2 .*\(deactivated\)/);
  expect(await page.shell('npx parley principal list')).toMatch(/research +research,batch/);

  writeFileSync(file('gate'), '');
  expect(await three.ended, three.said()).toBe(0);
  expect(lines('runs')).toBe(3);
  // Work that begins now is done as before.
  expect(await startWork(2).ended).toBe(0);
});
