// Owns what the allocator is told at its start: where the bus is, who it is, how much it logs.
import { parseArgs } from 'node:util';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { ActorId, ClusterName } from '@parley/protocol/ids';
import { LOG_LEVELS, type LogLevel } from '@parley/telemetry/logger';

export type Config = {
  readonly credentialFile: string;
  /** These win over what the credential file says. */
  readonly servers?: readonly string[];
  readonly cluster?: ClusterName;
  readonly id?: ActorId;
  readonly logLevel: LogLevel;
};

export const USAGE = `usage: allocator --creds FILE [--nats URL[,URL...]] [--cluster NAME] [--id ID] [--log-level LEVEL]
  --creds FILE       credential file of an allocator, or a NATS .creds or .nk file (then also --nats, --cluster, --id)
  --log-level LEVEL  ${LOG_LEVELS.join(', ')} (info)`;

/** Fails with `malformed`; the message names the argument. */
export function readConfig(words: readonly string[]): Outcome<Config> {
  let values: Partial<Record<'creds' | 'nats' | 'cluster' | 'id' | 'log-level', string>>;
  try {
    ({ values } = parseArgs({
      args: [...words],
      options: {
        creds: { type: 'string' },
        nats: { type: 'string' },
        cluster: { type: 'string' },
        id: { type: 'string' },
        'log-level': { type: 'string' },
      },
    }));
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
  const { creds, nats, cluster: clusterText, id: idText } = values;
  if (creds === undefined) return fail('malformed', '--creds FILE is missing');
  const level = values['log-level'] ?? 'info';
  const logLevel = LOG_LEVELS.find((one) => one === level);
  if (logLevel === undefined) return fail('malformed', `--log-level ${level} is no level`);
  const cluster = ClusterName.optional().safeParse(clusterText);
  if (!cluster.success) return fail('malformed', `--cluster ${clusterText} is no cluster's name`);
  const id = ActorId.optional().safeParse(idText);
  if (!id.success) return fail('malformed', `--id ${idText} is no id`);
  return succeed({
    credentialFile: creds,
    logLevel,
    ...(nats !== undefined && { servers: nats.split(',') }),
    ...(cluster.data !== undefined && { cluster: cluster.data }),
    ...(id.data !== undefined && { id: id.data }),
  });
}
