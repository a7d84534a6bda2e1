// Owns what the master is told at its start beside what every service is told: the settings of the cluster.
import { SERVICE_USAGE } from '@parley/actor/service-arguments';
import { ClusterSettings } from '@parley/cluster/inputs';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { describeIssues } from '@parley/protocol/message';

export const SETTING_OPTIONS = {
  'agent-silence-ms': { type: 'string' },
  'framework-silence-ms': { type: 'string' },
} as const;

export const USAGE = `usage: parley master --creds FILE [options]
${SERVICE_USAGE}
  --agent-silence-ms N      an agent silent for longer is unreachable (default: 75000)
  --framework-silence-ms N  a framework silent for longer is disconnected (default: 20000)`;

/** Fails with `malformed`; the message names the setting. */
export function readSettings(own: Readonly<Record<string, unknown>>): Outcome<ClusterSettings> {
  const given = {
    agentSilenceMs: numberOf(own['agent-silence-ms']),
    frameworkSilenceMs: numberOf(own['framework-silence-ms']),
  };
  const settings = ClusterSettings.safeParse(given);
  if (!settings.success) return fail('malformed', describeIssues('settings', settings.error));
  const { data } = settings;
  return succeed({
    ...data,
    agentHeartbeatIntervalMs: beatWithin(data.agentHeartbeatIntervalMs, data.agentSilenceMs),
    frameworkHeartbeatIntervalMs: beatWithin(
      data.frameworkHeartbeatIntervalMs,
      data.frameworkSilenceMs,
    ),
  });
}

/** Signs of life that may get lost or late before silence is a verdict. */
const BEATS_A_SILENCE = 4;

const beatWithin = (intervalMs: number, silenceMs: number): number =>
  Math.min(intervalMs, Math.floor(silenceMs / BEATS_A_SILENCE));

const numberOf = (text: unknown): number | undefined =>
  text === undefined ? undefined : Number(text);
