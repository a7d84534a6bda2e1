import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClusterName } from '@parley/protocol/ids';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandFailure } from './command-failure.ts';
import {
  type Context,
  chooseContext,
  type KnownContext,
  listContexts,
  removeContext,
  saveContext,
} from './context-store.ts';

const aContext = (name: string, local = true): Context => ({
  version: 1,
  name: ClusterName.parse(name),
  cluster: ClusterName.parse(name),
  servers: ['nats://127.0.0.1:4222'],
  operatorCredential: '/somewhere/operator.json',
  ...(local && { local: { directory: '/somewhere', keeper: { pid: 7, startTicks: name } } }),
});
const known = (name: string, isRunning: boolean): KnownContext => ({
  context: aContext(name),
  isRunning,
});

function failureOf(choose: () => unknown): CommandFailure {
  try {
    choose();
  } catch (error) {
    if (error instanceof CommandFailure) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('chooseContext', () => {
  it('finds the only cluster that runs', () => {
    const all = [known('local', false), known('local-2', true)];
    expect(chooseContext(all, undefined).name).toBe('local-2');
  });

  it('takes the one named local when several run', () => {
    const all = [known('a', true), known('local', true)];
    expect(chooseContext(all, undefined).name).toBe('local');
  });

  it('asks for a name when several run and none is named local', () => {
    const failure = failureOf(() => chooseContext([known('a', true), known('b', true)], undefined));
    expect(failure.exitCode).toBe(2);
    expect(failure.message).toContain('a, b');
  });

  it('tells a cluster that is not running from one that is not known', () => {
    expect(failureOf(() => chooseContext([], undefined)).exitCode).toBe(5);
    expect(failureOf(() => chooseContext([known('a', false)], 'a')).exitCode).toBe(5);
    expect(failureOf(() => chooseContext([known('a', true)], 'b')).exitCode).toBe(3);
  });
});

describe('the context files', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'parley-contexts-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('are read back as they were written, with whether the keeper lives', async () => {
    await saveContext(directory, aContext('local'));
    await saveContext(directory, aContext('elsewhere', false));
    await saveContext(directory, aContext('gone'));
    const found = await listContexts(directory, async ({ startTicks }) => startTicks === 'local');
    expect(found.map((each) => [each.context.name, each.isRunning])).toEqual([
      ['elsewhere', true],
      ['gone', false],
      ['local', true],
    ]);
    expect(found[2]?.context).toEqual(aContext('local'));
  });

  it('do not get in the way when damaged or removed', async () => {
    await saveContext(directory, aContext('local'));
    await writeFile(path.join(directory, 'contexts', 'broken.json'), '{');
    await removeContext(directory, ClusterName.parse('local'));
    expect(await listContexts(directory, async () => true)).toEqual([]);
  });

  it('need not exist', async () => {
    expect(await listContexts(path.join(directory, 'none'), async () => true)).toEqual([]);
  });
});
