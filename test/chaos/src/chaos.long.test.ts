// Longer runs of the chaos lab, from a seed that nobody has seen yet; one that fails says how to run it again.
import { describe, expect, it, vi } from 'vitest';
import { ChaosRun } from './chaos-run.ts';
import { whatIsMissing } from './host-check.ts';

const LIMIT_MS = 1_200_000;

const missing = await whatIsMissing();
const where =
  missing === undefined ? 'on hosts of their own' : `needs hosts of their own: ${missing}`;

vi.setConfig({ testTimeout: LIMIT_MS });

describe.runIf(missing === undefined)(where, () => {
  it('five minutes of faults from a drawn seed break no rule', async () => {
    const run = new ChaosRun('--minutes', '5', '--agents', '4');
    expect(await run.ended(), run.output).toBe(0);
  });
});
