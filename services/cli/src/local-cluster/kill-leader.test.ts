import type { ClusterEvent } from '@parley/cluster/events';
import { ActorId } from '@parley/protocol/ids';
import type { TaskState } from '@parley/protocol/tasks';
import { expect, it } from 'vitest';
import { LeaderAccident } from './kill-leader.ts';

const task = (to: TaskState) => ({ type: 'taskStateChanged', to }) as ClusterEvent;
const term = (masterId: string): ClusterEvent => ({
  type: 'termStarted',
  epoch: { bucketCreatedMs: 1, revision: 1 },
  masterId: ActorId.parse(masterId),
});

it('kills the one that leads then, once, when half of the tasks have ended, and says how long nobody led', () => {
  const accident = new LeaderAccident('master-1', 4);
  const killed = [
    accident.event(task('finished'), 0),
    accident.event(task('running'), 10),
    accident.event(term('master-2'), 20),
    accident.event(task('failed'), 1000),
    accident.event(task('finished'), 1100),
    accident.event(term('master-1'), 1500),
    accident.event(term('master-2'), 9000),
  ];
  expect(killed.filter((master) => master !== undefined)).toEqual(['master-2']);
  expect(killed[3]).toBe('master-2');
  expect(accident.lines).toEqual([
    'master-2 was killed half-way: nobody led for 0.5 s, then master-1 did',
  ]);
});

it('says so when nobody was killed, and when nobody led any more', () => {
  const accident = new LeaderAccident('master-1', 2);
  expect(accident.lines[0]).toContain('no master was killed');
  accident.event(task('finished'), 0);
  expect(accident.lines[0]).toContain('nobody led until the end');
});
