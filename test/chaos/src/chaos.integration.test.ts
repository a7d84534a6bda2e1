// A short run of the chaos lab, on the smallest cluster in which everybody has a standby; and that a run which was killed is
// cleared away.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ChaosRun } from './chaos-run.ts';
import { whatIsMissing } from './host-check.ts';
import { NAMESPACES_DIRECTORY, namespaceOf, runsWithNetwork } from './network.ts';

const LIMIT_MS = 600_000;
const WAIT_MS = 240_000;
const SECONDS = 25;

const missing = await whatIsMissing();
const where =
  missing === undefined ? 'on hosts of their own' : `needs hosts of their own: ${missing}`;

vi.setConfig({ testTimeout: LIMIT_MS });

describe.runIf(missing === undefined)(where, () => {
  it('a cluster under the faults of a seed loses nothing, runs nothing twice and leaves nothing behind; what a killed run left is removed', async () => {
    const killed = await killedRun();
    const run = new ChaosRun('--seed', '1', '--minutes', String(SECONDS / 60));
    expect(await run.ended(), run.output).toBe(0);
    expect(run.output).toContain('all rules held');
    expect(run.output).toContain(`removed what run ${killed} had left`);
    expect(await runsWithNetwork()).not.toContain(killed);
  });
});

/** The id of a run that was ended by `kill -9` while its hosts were there and its cluster was being started. */
async function killedRun(): Promise<string> {
  const others = await runsWithNetwork();
  const run = new ChaosRun('--seed', '2', '--minutes', '1');
  await vi.waitUntil(() => run.output.includes('seed 2: '), { timeout: WAIT_MS });
  run.kill();
  await run.ended();
  const isLeft = (id: string): boolean =>
    !others.includes(id) && existsSync(path.join(NAMESPACES_DIRECTORY, namespaceOf(id, 'lab')));
  const killed = (await runsWithNetwork()).find(isLeft);
  if (killed === undefined) throw new Error(`it left no hosts: ${run.output}`);
  return killed;
}

it('a wrong argument is refused before anything is made', async () => {
  const run = new ChaosRun('--minutes', 'soon');
  expect(await run.ended()).toBe(2);
  expect(run.output).toContain('--minutes soon');
});
