// Tests of the settings that a master is started with.
import { expect, test } from 'vitest';
import { readSettings } from './config.ts';

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
])('--%s that cannot be followed is refused by name', (option, setting, text) => {
  const refused = readSettings({ [option]: text });
  expect(refused).toMatchObject({ ok: false, failure: { code: 'malformed' } });
  expect(JSON.stringify(refused)).toContain(setting);
});
