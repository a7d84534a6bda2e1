// Tests of the settings that a master is started with.
import { expect, test } from 'vitest';
import { readEdgeSettings, readSettings } from './config.ts';

test('without options agents and frameworks beat every 5 s, and fall silent after 75 and 20 s', () => {
  expect(readSettings({})).toMatchObject({
    ok: true,
    value: {
      agentSilenceMs: 75_000,
      agentHeartbeatIntervalMs: 5000,
      frameworkSilenceMs: 20_000,
      frameworkHeartbeatIntervalMs: 5000,
    },
  });
});

test('how many silent agents are given up a second is journalled where it is set, and else follows their number', () => {
  expect(readSettings({ 'agent-removals-per-second': '3' })).toMatchObject({
    value: { agentRemovalsPerSecond: 3 },
  });
  expect(readSettings({})).not.toHaveProperty('value.agentRemovalsPerSecond');
});

test('who is to be found silent sooner has to beat sooner', () => {
  const given = { 'agent-silence-ms': '6000', 'framework-silence-ms': '1000' };
  expect(readSettings(given)).toMatchObject({
    ok: true,
    value: {
      agentSilenceMs: 6000,
      agentHeartbeatIntervalMs: 1500,
      frameworkSilenceMs: 1000,
      frameworkHeartbeatIntervalMs: 250,
    },
  });
});

test.each([
  ['agent-silence-ms', 'agentSilenceMs', 'soon'],
  ['framework-silence-ms', 'frameworkSilenceMs', '999'],
  ['agent-removals-per-second', 'agentRemovalsPerSecond', '0'],
  ['offer-timeout-ms', 'offerTimeoutMs', '99'],
  ['revocation-notice-ms', 'revocationNoticeMs', '-1'],
  ['revocation-grace-ms', 'revocationGraceMs', 'soon'],
  ['revocation-extension-ms', 'revocationExtensionMs', '0.5'],
  ['outstanding-cap', 'outstandingCapPermille', '101'],
  ['outstanding-cap', 'outstandingCapPermille', '0'],
  ['outstanding-cap', 'outstandingCapPermille', '33.33'],
  ['reclaim', 'reclaims', 'sometimes'],
  ['starvation-ms', 'starvationMs', '-1'],
  ['least-offer', 'least-offer', 'cpus'],
  ['placement', 'placement', 'fullest'],
])('--%s that cannot be followed is refused by name', (option, setting, text) => {
  const refused = readSettings({ [option]: text });
  expect(refused).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  expect(JSON.stringify(refused)).toContain(setting);
});

test('offers time out after 10 s and a framework may hold half of the cluster in them, unless an operator says otherwise', () => {
  expect(readSettings({})).toMatchObject({
    value: { offerTimeoutMs: 10_000, outstandingCapPermille: 500 },
  });
  expect(readSettings({ 'offer-timeout-ms': '2500', 'outstanding-cap': '33.3' })).toMatchObject({
    value: { offerTimeoutMs: 2500, outstandingCapPermille: 333 },
  });
});

test('guarantees are met by taking back, and slivers are not offered, unless an operator says otherwise', () => {
  expect(readSettings({})).toMatchObject({
    value: {
      ...{ reclaims: true, starvationMs: 60_000, placement: 'random' },
      minAllocatable: { cpus: 10, mem: 32_000 },
    },
  });
  const given = {
    ...{ reclaim: 'off', 'starvation-ms': '5000', placement: 'bestFit' },
    'least-offer': 'cpus=0.5,mem=1GiB',
  };
  expect(readSettings(given)).toMatchObject({
    value: {
      ...{ reclaims: false, starvationMs: 5000, placement: 'bestFit' },
      minAllocatable: { cpus: 500, mem: 1_024_000 },
    },
  });
});

test('limits of principals and the file of rules are settings of the edge, with generous defaults', () => {
  expect(readEdgeSettings({})).toEqual({
    ok: true,
    value: {
      rateLimits: { callsPerSecond: 2000, outstandingCalls: 4096 },
      authorizationFile: undefined,
    },
  });
  const given = {
    'calls-per-second': '10',
    'outstanding-calls': '3',
    authorization: '/etc/rules.json',
  };
  expect(readEdgeSettings(given)).toEqual({
    ok: true,
    value: {
      rateLimits: { callsPerSecond: 10, outstandingCalls: 3 },
      authorizationFile: '/etc/rules.json',
    },
  });
});

test.each([
  ['calls-per-second', '0'],
  ['calls-per-second', 'many'],
  ['outstanding-calls', '1.5'],
  ['outstanding-calls', ''],
  ['authorization', ''],
])('--%s %s is refused by name', (option, text) => {
  const refused = readEdgeSettings({ [option]: text });
  expect(refused).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  expect(JSON.stringify(refused)).toContain(`--${option}`);
});
