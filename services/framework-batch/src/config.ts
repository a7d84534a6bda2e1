// Owns what the batch framework is told: the arguments of its command line.
import { parseArgs } from 'node:util';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { Token } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { RevocableUse } from '@parley/protocol/revocations';
import { type SchedulerCredential, tlsFilesOf } from '@parley/scheduler-sdk/scheduler-credential';
import { resources } from '@parley/scheduler-sdk/task';

export const USAGE = `usage: framework-batch --creds FILE [options] -- COMMAND [ARGUMENT...]
Runs a command many times on a cluster and ends with 0 when every run has finished with exit code 0.
  --creds FILE        credential of a principal (parley principal add NAME --roles ROLE)
  --nats URL[,URL]    servers; wins over the credential file
  --cluster NAME      wins over the credential file
  --tls-ca FILE       PEM: whose certificates of servers are trusted; --tls-cert FILE --tls-key FILE: this client's own
  --instances N       how often to run the command (default: 1)
  --cpus N --mem SIZE what each run is given (default: 0.1, 32MiB)
  --role ROLE         role to be offered resources in (default: *)
  --revocable USE     runs may be killed at any time, and are then done again, on resources
                      that others have and do not use: "also" where no others are to be
                      had, "only" on nothing else (default: on resources of their own)
  --name NAME         shown to operators (default: batch)
  --framework-id ID   default: a fresh one
  --max-attempts N    tries of a run that fails (default: 3)
  --json              one JSON object a line: each run's end, then a summary`;

export type BatchConfig = {
  readonly credential: SchedulerCredential;
  readonly frameworkId: string | undefined;
  readonly name: string;
  readonly role: string;
  readonly instances: number;
  readonly maxAttempts: number;
  readonly resources: Resources;
  readonly revocable: RevocableUse | undefined;
  readonly argv: readonly string[];
  readonly isJson: boolean;
};

const MAX_INSTANCES = 1_000_000;
const OPTIONS = {
  creds: { type: 'string' },
  nats: { type: 'string' },
  cluster: { type: 'string' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'framework-id': { type: 'string' },
  name: { type: 'string', default: 'batch' },
  role: { type: 'string', default: '*' },
  instances: { type: 'string', default: '1' },
  cpus: { type: 'string', default: '0.1' },
  mem: { type: 'string', default: '32MiB' },
  revocable: { type: 'string' },
  'max-attempts': { type: 'string', default: '3' },
  json: { type: 'boolean', default: false },
} as const;

/** Fails with `malformed`; the message names the argument. */
export function readConfig(words: readonly string[]): Outcome<BatchConfig> {
  const end = words.indexOf('--');
  const argv = end < 0 ? [] : words.slice(end + 1);
  if (argv.length === 0) return fail('malformed', 'a command is missing: put it behind --');
  try {
    const { values } = parseArgs({ args: words.slice(0, end), options: OPTIONS });
    if (values.creds === undefined) return fail('malformed', '--creds FILE is missing');
    const instances = countOf('--instances', values.instances, MAX_INSTANCES);
    const maxAttempts = countOf('--max-attempts', values['max-attempts'], 1000);
    const id = Token.optional().safeParse(values['framework-id']);
    if (!id.success) return fail('malformed', `--framework-id ${values['framework-id']}: no id`);
    const revocable = RevocableUse.optional().safeParse(values.revocable);
    if (!revocable.success)
      return fail('malformed', `--revocable ${values.revocable}: must be also or only`);
    return succeed({
      credential: {
        file: values.creds,
        ...(values.nats !== undefined && { servers: values.nats.split(',') }),
        ...(values.cluster !== undefined && { cluster: values.cluster }),
        tls: tlsFilesOf(values),
      },
      frameworkId: id.data,
      name: values.name,
      role: values.role,
      instances,
      maxAttempts,
      resources: resources({ cpus: values.cpus, mem: values.mem }),
      revocable: revocable.data,
      argv,
      isJson: values.json,
    });
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
}

function countOf(name: string, text: string, most: number): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= most) return count;
  throw new TypeError(`${name} ${text}: must be a whole number from 1 to ${most}`);
}
