// Tests which graphics processors a task is given, on recorded files of both drivers: no task another's, over restarts too.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findGpuCards, type GpuFiles } from './gpu-cards.ts';
import { GpuGrants } from './gpu-grants.ts';

let root: string;
let files: GpuFiles;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'parley-gpus-'));
  const at = (place: string): string => path.join(root, place);
  files = { devices: at('dev'), nvidia: at('nvidia'), amdNodes: at('amd'), drm: at('drm') };
});
afterEach(() => rmSync(root, { recursive: true }));

function write(place: string, text = ''): void {
  mkdirSync(path.dirname(path.join(root, place)), { recursive: true });
  writeFileSync(path.join(root, place), text);
}

/** As its driver shows it, and the kernel. */
function addNvidia(minor: number, place: string, rendering?: string): void {
  write(`dev/nvidia${minor}`);
  const model = 'Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 32\n';
  write(
    `nvidia/${place}/information`,
    `${model}Bus Location: \t ${place}\nDevice Minor: \t ${minor}\n`,
  );
  if (rendering !== undefined) addRendering(rendering, place.toLowerCase());
}

function addRendering(name: string, place: string): void {
  write(`dev/dri/${name}`);
  mkdirSync(path.join(root, 'pci', place), { recursive: true });
  mkdirSync(path.join(root, 'drm', name), { recursive: true });
  symlinkSync(path.join(root, 'pci', place), path.join(root, 'drm', name, 'device'));
}

function addAmd(node: number, minor: number): void {
  write(`amd/${node}/properties`, `cpu_cores_count 0\nsimd_count 256\ndrm_render_minor ${minor}\n`);
  if (minor > 0) write(`dev/dri/renderD${minor}`);
}

const dev = (...names: string[]): string[] => names.map((name) => path.join(root, 'dev', name));
const open = (): GpuGrants => new GpuGrants(root, () => findGpuCards(files));
const given = (...names: string[]) => ({ ok: true, value: dev(...names) });

test('a card is its nodes for computing and for rendering, with what all cards of its driver share', async () => {
  for (const name of ['nvidiactl', 'nvidia-uvm', 'nvidia-caps', 'kfd', 'dri/card0', 'sda'])
    write(`dev/${name}`);
  addNvidia(10, '0000:C1:00.0');
  addNvidia(2, '0000:41:00.0', 'renderD129');
  // Of the screen, and a processor.
  addRendering('renderD128', '0000:00:02.0');
  addAmd(0, 0);
  addAmd(1, 130);
  const { cards, common } = await findGpuCards(files);
  expect([...cards]).toEqual([
    ['dri/renderD130', dev('dri/renderD130')],
    ['nvidia2', dev('nvidia2', 'dri/renderD129')],
    ['nvidia10', dev('nvidia10')],
  ]);
  expect(common).toEqual(dev('nvidiactl', 'nvidia-uvm', 'kfd'));
});

test('each task has as many cards as it holds, no other task’s, and leaves them at its end', async () => {
  write('dev/nvidiactl');
  for (const minor of [0, 1, 2]) addNvidia(minor, `0000:0${minor}:00.0`);
  const gpus = open();
  expect(await gpus.take('one', 1000)).toEqual(given('nvidia0', 'nvidiactl'));
  expect(await gpus.take('two', 2000)).toEqual(given('nvidia1', 'nvidia2', 'nvidiactl'));
  expect(await gpus.take('three', 1000)).toMatchObject({
    ok: false,
    failure: { code: 'notPermitted', message: expect.stringContaining('holds 1 gpus') },
  });
  gpus.release('one');
  expect(await gpus.take('three', 1000)).toEqual(given('nvidia0', 'nvidiactl'));
  expect(await gpus.take('none', 0)).toEqual({ ok: true, value: [] });
});

test('two tasks that ask at once have different cards, whichever is served first', async () => {
  for (const minor of [0, 1, 2]) addNvidia(minor, `0000:0${minor}:00.0`);
  const gpus = open();
  const both = await Promise.all([gpus.take('one', 1000), gpus.take('two', 2000)]);
  const nodes = both.flatMap((taken) => (taken.ok ? taken.value : []));
  expect(nodes.sort()).toEqual(dev('nvidia0', 'nvidia1', 'nvidia2'));
});

test('tasks with parts of a card share one, as far as it goes, and leave whole ones to others', async () => {
  for (const minor of [0, 1, 2]) addNvidia(minor, `0000:0${minor}:00.0`);
  const gpus = open();
  expect(await gpus.take('a', 400)).toEqual(given('nvidia0'));
  expect(await gpus.take('b', 1500)).toEqual(given('nvidia1', 'nvidia0'));
  expect(await gpus.take('c', 200)).toEqual(given('nvidia2'));
  expect(await gpus.take('d', 100)).toEqual(given('nvidia0'));
});

test('an agent that starts again knows whose they are', async () => {
  addNvidia(0, '0000:00:00.0');
  addNvidia(1, '0000:01:00.0');
  await open().take('one', 1000);
  const again = open();
  expect(again.units()).toEqual(new Set(['one']));
  expect(await again.take('two', 1000)).toEqual(given('nvidia1'));
  again.release('one');
  expect(open().units()).toEqual(new Set(['two']));
});

test('where drivers show no nodes nothing is given, and nothing is refused', async () => {
  expect(await open().take('one', 4000)).toEqual({ ok: true, value: [] });
});
