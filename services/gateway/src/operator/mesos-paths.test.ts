// Tests under which names Mesos's paths are reached.
import { expect, test } from 'vitest';
import { routedUrl } from './mesos-paths.ts';

test.each([
  ['/state', '/state'],
  ['/master/state?jsonp=cb', '/state?jsonp=cb'],
  ['/master/frameworks/', '/frameworks/'],
  ['/master/api/v1', '/api/v1/operator'],
  ['/master/api/v1/?x=y', '/api/v1/operator?x=y'],
  ['/master/api/v1/scheduler', '/api/v1/scheduler'],
  ['/api/v1', '/api/v1'],
  ['/master', '/master'],
  ['/masters/state', '/masters/state'],
  ['/slave(1)/state', '/mesos-agents/1/state'],
  ['/slave%2842%29/monitor/statistics/', '/mesos-agents/42/monitor/statistics/'],
  ['/slave(1)', '/mesos-agents/1'],
  ['/slave(1)/api/v1', '/mesos-agents/1/api/v1'],
  ['/slave(1)/api/v1/executor', '/api/v1/executor'],
  ['/slave(x)/state', '/slave(x)/state'],
  ['/slave(1)state', '/slave(1)state'],
])('%s is answered as %s', (url, routed) => {
  expect(routedUrl(url)).toBe(routed);
});
