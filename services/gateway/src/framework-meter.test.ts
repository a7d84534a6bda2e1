// Tests what is told Prometheus of each framework, with events as the bus would bring them.
import { clusterCore } from '@parley/cluster/cluster-core';
import type { ClusterEvent } from '@parley/cluster/events';
import { AgentId, FrameworkRef, OfferId } from '@parley/protocol/ids';
import { Metrics } from '@parley/telemetry/metrics';
import { beforeEach, expect, test } from 'vitest';
import { FrameworkMeter, MAX_NAMES } from './framework-meter.ts';
import type { LiveCluster } from './live-cluster.ts';

const agentId = AgentId.parse('a1');
const offerId = OfferId.parse('o1');
let metrics: Metrics;
let tell: (atMs: number, event: ClusterEvent) => void;

beforeEach(() => {
  metrics = new Metrics('gateway');
  const live: Pick<LiveCluster, 'followed' | 'onEvent' | 'onReset'> = {
    followed: { cluster: 'test', state: clusterCore.create(), sequence: 1 } as never,
    onEvent: (hear) => {
      tell = (coreTimeMs, event) =>
        hear({ ...{ sequence: 1, index: 0, wallTimeMs: 1 }, coreTimeMs, event, isNew: true });
      return () => undefined;
    },
    onReset: () => () => undefined,
  };
  new FrameworkMeter(live, metrics);
});

const nth = (number: number) =>
  FrameworkRef.parse({ principal: 'alice', frameworkId: `f${number}` });

function subscribe(atMs: number, number: number): void {
  const named = { name: `job ${number}`, roles: [], session: 1 };
  tell(atMs, { type: 'frameworkSubscribed', framework: nth(number), ...named });
}

function taskIs(atMs: number, number: number, to: 'running' | 'finished'): void {
  const task = { ...nth(number), taskId: 't1' } as never;
  const about = { name: 't', agentId, from: undefined, resources: {} as never };
  tell(atMs, { type: 'taskStateChanged', task, to, ...about });
}

const OF_FIRST = 'principal="alice",framework="job 1"';

test('the completion of a job is told of its framework when that has ended: until its last status update', async () => {
  subscribe(1000, 1);
  taskIs(2000, 1, 'running');
  subscribe(2500, 1);
  taskIs(8000, 1, 'finished');
  expect(await metrics.text()).not.toContain(`last_job_completion_seconds{${OF_FIRST}}`);
  tell(30_000, { type: 'frameworkRemoved', framework: nth(1), reason: 'teardown' });
  const text = await metrics.text();
  expect(text).toContain(`parley_framework_last_job_completion_seconds{${OF_FIRST}} 7\n`);
  expect(text).toContain('parley_framework_job_completion_seconds_sum 7\n');
  expect(text).toContain(`parley_framework_tasks_ended_total{${OF_FIRST},state="finished"} 1\n`);
});

test('the ramp-up of a framework is told under its name', async () => {
  subscribe(1000, 1);
  tell(3000, { type: 'frameworkRampedUp', framework: nth(1), rampUpMs: 2000 });
  const text = await metrics.text();
  expect(text).toContain(`parley_framework_last_ramp_up_seconds{${OF_FIRST}} 2\n`);
  expect(text).toContain('parley_framework_ramp_up_seconds_sum 2\n');
});

test('offers are counted by framework, and beyond so many names under one name for all others', async () => {
  for (let number = 1; number <= MAX_NAMES + 5; number += 1) {
    subscribe(number, number);
    const offer = { offerId, framework: nth(number), agentId, refuseMs: 1 };
    tell(number, { type: 'offerDeclined', ...offer });
  }
  const text = await metrics.text();
  const told = text.split('\n').filter((line) => line.startsWith('parley_framework_offers_total{'));
  expect(told).toHaveLength(MAX_NAMES + 1);
  expect(told[0]).toBe(`parley_framework_offers_total{${OF_FIRST},outcome="declined"} 1`);
  expect(told.at(-1)).toBe(
    'parley_framework_offers_total{principal="",framework="other",outcome="declined"} 5',
  );
});
