// Owns the proof that a cluster of a thousand emulated agents is kept busy and serves who comes to it, and that the benchmark which
// says so counts what it claims to: a run of it with real masters, allocators and frameworks. Of times only ratios are judged.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { scaleBenchmark } from './scale-benchmark.ts';

const TIMEOUT_MS = 400_000;
const AGENTS = 1000;
const TASK_SECONDS = 30;
const PROBE_SECONDS = 3;

it(
  'a thousand agents stay busy while frameworks come and go, and no task is lost',
  async () => {
    const pictures = mkdtempSync(path.join(tmpdir(), 'parley-scale-'));
    const said: string[] = [];
    try {
      const results = await scaleBenchmark.run((line) => said.push(line), '', {
        ...{ agents: String(AGENTS), frameworks: '50', seconds: '60', probes: '5', pictures },
        'task-seconds': String(TASK_SECONDS),
        'probe-seconds': String(PROBE_SECONDS),
      });
      const value = (name: string): number =>
        results.find((result) => result.name === `scale.${AGENTS}.${name}`)?.value ?? Number.NaN;
      const told = said.join('\n');
      expect(value('failed'), told).toBe(0);
      // Little's law: as many tasks run as are launched in the time that one lasts.
      const running = (value('launches') * TASK_SECONDS) / AGENTS;
      expect(running, told).toBeGreaterThan(0.8);
      expect(running, told).toBeLessThan(1.25);
      expect(value('utilisation'), told).toBeGreaterThan(90);
      // What the cluster adds is less than what it is added to.
      expect(value('probe.p50'), told).toBeLessThan(PROBE_SECONDS * 1000);
      // An offer, an accept, an order, a few updates with their acknowledgements, each at least once, none without end.
      expect(value('messages')).toBeGreaterThan(5);
      expect(value('messages'), told).toBeLessThan(60);
      for (const name of ['latency', 'utilisation', 'shares']) {
        const picture = readFileSync(path.join(pictures, `scale-${name}.svg`), 'utf8');
        expect(picture).toMatch(/^<svg .*<\/svg>\n$/s);
        expect(picture).not.toContain('NaN');
      }
    } finally {
      rmSync(pictures, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);
