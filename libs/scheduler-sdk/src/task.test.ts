// Tests of how people write limits beside the amounts of a task.
import { expect, it } from 'vitest';
import { describeTask, prepareTask } from './desired-task.ts';
import { limits, resources, task } from './task.ts';

it('limits are written like amounts, and may be lifted', () => {
  expect(limits({ cpus: 2, mem: '64MiB', pids: 50 })).toEqual({
    cpus: 2000,
    mem: 64_000,
    pids: 50,
  });
  expect(limits({ cpus: '0.5', mem: 'infinity' })).toEqual({ cpus: 500, mem: 'infinity' });
  const io = { readBytes: 1_000_000 };
  expect(limits({ io, pinCpus: true })).toEqual({ io, pinCpus: true });
  expect(limits({})).toEqual({});
  expect(() => limits({ mem: 'much' })).toThrow('limits.mem');
});

it('a task carries its limits, and none when none were said', () => {
  const spec = { id: 't1', command: ['true'], cpus: 0.1, mem: '32MiB' };
  expect(task({ ...spec, limits: { mem: '1GiB' } }).limits).toEqual({ mem: 1_024_000 });
  expect(task(spec)).not.toHaveProperty('limits');
});

it('a task carries its image, and one that is none is refused with the field', () => {
  const spec = { id: 't1', command: ['true'], cpus: 0.1, mem: '32MiB' };
  const image = { source: 'file:///srv/images/base', digest: `sha256:${'0'.repeat(64)}` };
  expect(task({ ...spec, image }).image).toEqual(image);
  expect(task(spec).image).toBeUndefined();
  expect(() => task({ ...spec, image: { source: '/srv/images/base' } })).toThrow('image.source');
  expect(() => task({ ...spec, image: { ...image, digest: 'latest' } })).toThrow('image.digest');
});

it('limits of desired work go with each attempt, and other limits are other work', () => {
  const need = { cpus: 0.1, mem: '32MiB' };
  const aPart = (mem: string) => ({ key: 'k', need, limits: { mem }, run: {} });
  const prepared = prepareTask(aPart('64MiB'));
  const place = {
    ...{ taskId: 't1', attempt: 1, agentId: 'a1', hostname: 'h', attributes: {}, ports: [] },
  } as unknown as Parameters<typeof describeTask>[3];
  const take = { resources: resources(need) } as Parameters<typeof describeTask>[2];
  const [part] = prepared.parts;
  if (part === undefined) throw new Error('there is one part');
  expect(describeTask(prepared, part, take, place).limits).toEqual({ mem: 64_000 });
  expect(prepareTask(aPart('96MiB')).fingerprint).not.toBe(prepared.fingerprint);
});
