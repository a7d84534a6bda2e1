// Tests how the use of a container reads for Mesos's tools.
import { Resources } from '@parley/protocol/resources';
import { expect, test } from 'vitest';
import { statisticsOf } from './statistics.ts';

const part = (cpus: number, mem: number) => ({
  resources: Resources.parse({ scalars: { cpus, mem } }),
});

test('what a container holds is told, also where its agent tells nothing of its use', () => {
  expect(statisticsOf([part(1500, 64_000), part(500, 0)], [], 2500)).toStrictEqual({
    ...{ timestamp: 2.5, cpus_limit: 2, mem_limit_bytes: 64 * 1024 * 1024 },
  });
});

test('the use of all its scopes is told as one, with what is known of each', () => {
  const usage = { cpuTotalUs: 1_500_000, cpuMillis: 1, memoryBytes: 100 };
  const more = { ...usage, pids: 3, throttledUs: 250_000 };
  const measured = [
    { usage, wallTimeMs: 1000 },
    { usage: more, wallTimeMs: 3000 },
  ];
  expect(statisticsOf([part(1000, 0)], measured, 9000)).toStrictEqual({
    ...{ timestamp: 3, cpus_limit: 1, mem_limit_bytes: 0 },
    ...{ cpus_user_time_secs: 3, cpus_system_time_secs: 0, cpus_throttled_time_secs: 0.25 },
    ...{ mem_rss_bytes: 200, mem_total_bytes: 200, threads: 3 },
  });
});
