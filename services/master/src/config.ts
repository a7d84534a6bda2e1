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
  return settings.success
    ? succeed(settings.data)
    : fail('malformed', describeIssues('settings', settings.error));
}

const numberOf = (text: unknown): number | undefined =>
  text === undefined ? undefined : Number(text);
