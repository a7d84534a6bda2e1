import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AGENT_COUNT,
  describeShare,
  MAX_LOCAL_CLUSTERS,
  shareFault,
  shareHost,
} from './host-shares.ts';

const host = { cpus: 2, memoryMib: 24_000, freeDiskMib: 80_000 };

describe('shareHost', () => {
  it('gives each of three agents a quarter, memory and disk up to a cap', () => {
    expect(shareHost(host, 0)[0]).toEqual({
      id: 'agent-1',
      cpuMillis: 500,
      memoryMib: 2048,
      diskMib: 10_240,
      ports: [20_000, 20_199],
    });
    expect(shareHost({ ...host, memoryMib: 2000 }, 0)[2]?.memoryMib).toBe(500);
  });

  it('never hands out more than the host has, nor one port twice', () => {
    const capacity = fc.record({
      cpus: fc.integer({ min: 1, max: 512 }),
      memoryMib: fc.integer({ min: 1, max: 10_000_000 }),
      freeDiskMib: fc.integer({ min: 0, max: 10_000_000 }),
    });
    void fc.assert(
      fc.property(capacity, (facts) => {
        const shares = Array.from({ length: MAX_LOCAL_CLUSTERS }, (_, place) =>
          shareHost(facts, place),
        );
        for (const cluster of shares) {
          expect(cluster).toHaveLength(AGENT_COUNT);
          const sum = (of: (share: (typeof cluster)[number]) => number) =>
            cluster.reduce((total, share) => total + of(share), 0);
          expect(sum((share) => share.cpuMillis)).toBeLessThanOrEqual(facts.cpus * 1000);
          expect(sum((share) => share.memoryMib)).toBeLessThanOrEqual(facts.memoryMib);
          expect(sum((share) => share.diskMib)).toBeLessThanOrEqual(facts.freeDiskMib);
        }
        const begins = shares.flat().map((share) => share.ports[0]);
        const ends = shares.flat().map((share) => share.ports[1]);
        expect(begins.slice(1).every((begin, index) => begin > (ends[index] ?? 0))).toBe(true);
        expect(ends.at(-1)).toBeLessThan(32_768);
      }),
      { numRuns: 50 },
    );
  });
});

describe('shareFault', () => {
  it('names a disk that is too full and too little memory', () => {
    const [full] = shareHost({ ...host, freeDiskMib: 100 }, 0);
    const [small] = shareHost({ ...host, memoryMib: 100 }, 0);
    const [fine] = shareHost(host, 0);
    if (full === undefined || small === undefined || fine === undefined)
      throw new Error('no share');
    expect(shareFault(full)).toContain('25 MiB of disk');
    expect(shareFault(small)).toContain('25 MiB of memory');
    expect(shareFault(fine)).toBeUndefined();
    expect(describeShare(fine)).toBe(
      'agent-1: 0.5 CPUs, 2048 MiB memory, 10240 MiB disk, ports 20000-20199',
    );
  });
});
