// Owns the rule that runs of several sizes come together in one folder, whenever they were made.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { keepRun, readRuns } from './kept-runs.ts';
import { drawScale } from './scale-pictures.ts';

const run = (agents: number, probeMs: number) => ({
  agents,
  probesMs: [probeMs],
  samples: [{ seconds: 1, allocated: 1, shares: [0.1, 0.2, 0.3] as [number, number, number] }],
  results: [
    { name: `scale.${agents}.probe.p50`, value: probeMs, unit: 'ms', aim: null, reference: null },
  ],
});

it('shows every size that is kept in one picture, the newest run of each', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'parley-kept-'));
  try {
    for (const one of [run(5000, 90), run(1000, 40), run(5000, 80)]) keepRun(folder, one);
    expect(readRuns(folder)).toEqual([run(1000, 40), run(5000, 80)]);
    drawScale(folder, readRuns(folder));
    const picture = readFileSync(path.join(folder, 'scale-latency.svg'), 'utf8');
    expect(picture).toContain('>1000<');
    expect(picture).toContain('>5000<');
    expect(picture.match(/points="[^" ]+ [^" ]+"/g)).toHaveLength(2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
