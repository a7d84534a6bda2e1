import { ExecutorDescription } from '@parley/protocol/executor-description';
import { AgentId, ExecutorRef } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { mesosDuration, mesosEnvironment, readExecutorEndpoint } from './mesos-environment.ts';

const place = {
  executor: ExecutorRef.parse({ principal: 'team', frameworkId: 'fw', executorId: 'e1' }),
  incarnation: 1,
};
const given = {
  agentId: AgentId.parse('a1'),
  sandboxDirectory: '/srv/sandbox',
  endpoint: { host: '127.0.0.1', port: 5051 },
  token: 'secret',
};
const environmentOf = (description: object) =>
  mesosEnvironment(place, ExecutorDescription.parse({ executorId: 'e1', ...description }), given);

test.each([
  [5000, '5secs'],
  [1500, '1500ms'],
  [900_000, '15mins'],
  [7_200_000, '2hrs'],
  [86_400_000, '1days'],
  [604_800_000, '1weeks'],
  [0, '0ns'],
])('%d ms is %s, as Mesos prints it', (ms, text) => expect(mesosDuration(ms)).toBe(text));

test('an executor is told by variables of the names that Mesos gives them', () => {
  expect(environmentOf({ mesos: {} })).toEqual({
    MESOS_FRAMEWORK_ID: 'team.fw',
    MESOS_EXECUTOR_ID: 'e1',
    MESOS_DIRECTORY: '/srv/sandbox',
    MESOS_SANDBOX: '/srv/sandbox',
    MESOS_AGENT_ENDPOINT: '127.0.0.1:5051',
    MESOS_SLAVE_ID: 'a1',
    MESOS_SLAVE_PID: 'slave(1)@127.0.0.1:5051',
    MESOS_HTTP_COMMAND_EXECUTOR: '0',
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '5secs',
    LIBPROCESS_PORT: '0',
    LIBPROCESS_IP: '127.0.0.1',
    MESOS_EXECUTOR_AUTHENTICATION_TOKEN: 'secret',
  });
});

test('checkpointing is told by a variable that is not there where it is off', () => {
  expect(environmentOf({ mesos: { checkpoint: true } })).toMatchObject({
    MESOS_CHECKPOINT: '1',
    MESOS_RECOVERY_TIMEOUT: '15mins',
    MESOS_SUBSCRIPTION_BACKOFF_MAX: '2secs',
  });
  expect(environmentOf({ mesos: { checkpoint: false } })).not.toHaveProperty('MESOS_CHECKPOINT');
});

test('without a gateway on its host it is told of none', () => {
  const told = mesosEnvironment(place, ExecutorDescription.parse({ executorId: 'e1', mesos: {} }), {
    ...given,
    endpoint: undefined,
  });
  expect(told).toMatchObject({ MESOS_FRAMEWORK_ID: 'team.fw' });
  expect(told).not.toHaveProperty('MESOS_AGENT_ENDPOINT');
});

test('it is called as its framework calls it, and cannot be told another token', () => {
  const environment = {
    MESOS_EXECUTOR_ID: 'my.executor',
    MESOS_EXECUTOR_AUTHENTICATION_TOKEN: 'other',
  };
  expect(environmentOf({ mesos: {}, command: { argv: ['x'], environment } })).toMatchObject({
    MESOS_EXECUTOR_ID: 'my.executor',
    MESOS_EXECUTOR_AUTHENTICATION_TOKEN: 'secret',
  });
});

test.each(['localhost:5051', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:65536', '::1:5051', ''])(
  '%j is no place that executors can be told',
  (text) => expect(readExecutorEndpoint(text).ok).toBe(false),
);

test.each([
  ['10.1.2.3:5051', { host: '10.1.2.3', port: 5051 }],
  ['[::1]:5051', { host: '::1', port: 5051 }],
])('%s is one', (text, place_) =>
  expect(readExecutorEndpoint(text)).toEqual({ ok: true, value: place_ }),
);
