// Owns the arguments that every service takes: where the bus is, who it is there, how much it logs.
// What a service takes beyond them stands in its own config.ts.
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import type { HolderKind } from '@parley/protocol/credential';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { ClusterName, Token } from '@parley/protocol/ids';
import { LogLevel } from '@parley/protocol/operators';
import { type Identity, readCredentialFile } from './nats/credential-file.ts';
import { readTlsOptions, TLS_OPTIONS, TLS_USAGE } from './nats/tls-files.ts';

export const SERVICE_USAGE = `  --creds FILE       the service's credential file, or a NATS .creds or .nk file (then also --nats, --cluster, --id)
  --nats URL[,URL]   servers; wins over the credential file
  --cluster NAME     wins over the credential file
  --id ID            wins over the credential file
${TLS_USAGE}
  --log-level LEVEL  ${LogLevel.options.join(', ')} (default: info)`;

const OPTIONS = {
  creds: { type: 'string' },
  nats: { type: 'string' },
  cluster: { type: 'string' },
  id: { type: 'string' },
  'log-level': { type: 'string', default: 'info' },
  ...TLS_OPTIONS,
} as const satisfies ParseArgsOptionsConfig;

export type ServiceArguments = {
  readonly identity: Identity;
  readonly logLevel: LogLevel;
  /** Values of the service's own options, by name. */
  readonly own: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
};

/** Fails with `malformed`, `unavailable` (the file cannot be read) or `notPermitted` (another kind's credential). */
export function readServiceArguments(
  kind: HolderKind,
  words: readonly string[],
  ownOptions: ParseArgsOptionsConfig = {},
): Outcome<ServiceArguments> {
  const parsed = parseWords(words, ownOptions);
  if (!parsed.ok) return parsed;
  const { creds, nats, cluster, id, 'log-level': level, ...own } = parsed.value;
  if (typeof creds !== 'string') return fail('malformed', '--creds FILE is missing');
  const name = ClusterName.optional().safeParse(cluster);
  if (!name.success) return fail('malformed', `--cluster ${String(cluster)}: no cluster's name`);
  const holder = Token.optional().safeParse(id);
  if (!holder.success) return fail('malformed', `--id ${String(id)}: no id`);
  const logLevel = LogLevel.safeParse(level);
  if (!logLevel.success) return fail('malformed', `--log-level ${String(level)}: no level`);
  const tls = readTlsOptions(own);
  if (!tls.ok) return tls;
  const identity = readCredentialFile(creds, {
    ...(tls.value && { tls: tls.value }),
    ...(typeof nats === 'string' && { servers: nats.split(',') }),
    ...(name.data !== undefined && { cluster: name.data }),
    ...(holder.data !== undefined && { actor: { kind, id: holder.data } }),
  });
  if (!identity.ok) return identity;
  const { actor } = identity.value;
  if (actor.kind !== kind) {
    return fail('notPermitted', `${creds} is the credential of a ${actor.kind}, not of a ${kind}`);
  }
  return succeed({ identity: identity.value, logLevel: logLevel.data, own });
}

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

function parseWords(words: readonly string[], own: ParseArgsOptionsConfig): Outcome<Values> {
  try {
    const { values } = parseArgs({ args: [...words], options: { ...own, ...OPTIONS } });
    return succeed(values);
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
}
