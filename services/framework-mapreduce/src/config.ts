// Owns what the word count framework is told: the arguments of its command line. Reading the inputs is in input-files.ts.
import { parseArgs } from 'node:util';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { ClusterName, PrincipalName, RoleName, Token } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import { type SchedulerCredential, tlsFilesOf } from '@parley/scheduler-sdk/scheduler-credential';
import { resources } from '@parley/scheduler-sdk/task';
import { MAX_SPLITS, type SplitWish } from './split-size.ts';
import { MAX_REDUCERS } from './wordcount-commands.ts';

export const USAGE = `usage: framework-mapreduce --creds FILE (--input DIR... | --files-from FILE) [options]
Counts words with map and reduce tasks on a cluster: runs of ASCII letters, lower-cased, each file by itself.
  --creds FILE         credential of a principal (parley principal add NAME --roles ROLE)
  --nats URL[,URL]     servers; wins over the credential file
  --cluster NAME       wins over the credential file
  --tls-ca FILE        PEM: whose certificates of servers are trusted; --tls-cert FILE --tls-key FILE: this client's own
  --id NAME            the principal; a NATS .creds or .nk file does not say it
  --input DIR...       every regular file below these folders, whatever its name; links are not followed
  --files-from FILE    the files that this one names, one path after another, each ended by a NUL byte
  --output FILE        all counts, as word<TAB>count lines sorted by word
  --role ROLE          role to be offered resources in (default: *)
  --framework-id ID    default: a fresh one; an id is used once
  --cpus N --mem SIZE  what each map and reduce task is given (default: 0.05, 256MiB)
  --reducers N         reduce tasks (default: 3)
  --split-bytes N      bytes a map task reads (default: 1 MiB, more for a large input)
  --map-tasks N        cut into about so many splits instead
  --min-map-time MS    a map task lasts at least so long: 2500 or 2500ms (default: 0)
  --json               one JSON object a line: started, tasks, then done or failed`;

export type InputPlace =
  | { readonly kind: 'folders'; readonly folders: readonly Buffer[] }
  | { readonly kind: 'list'; readonly list: Buffer };

export type WordCountConfig = {
  readonly credential: SchedulerCredential;
  readonly input: InputPlace;
  readonly output: string | undefined;
  readonly role: string;
  readonly frameworkId: string | undefined;
  readonly taskResources: Resources;
  readonly reducers: number;
  readonly splits: SplitWish;
  readonly minMapMs: number;
  readonly isJson: boolean;
};

const MAX_MINIMUM_MS = 24 * 3600_000;
const OPTIONS = {
  creds: { type: 'string' },
  nats: { type: 'string' },
  cluster: { type: 'string' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  id: { type: 'string' },
  input: { type: 'string', multiple: true },
  'files-from': { type: 'string' },
  output: { type: 'string' },
  role: { type: 'string', default: '*' },
  'framework-id': { type: 'string' },
  cpus: { type: 'string', default: '0.05' },
  mem: { type: 'string', default: '256MiB' },
  reducers: { type: 'string', default: '3' },
  'split-bytes': { type: 'string' },
  'map-tasks': { type: 'string' },
  'min-map-time': { type: 'string', default: '0' },
  json: { type: 'boolean', default: false },
} as const;

type NameKind = typeof Token | typeof ClusterName | typeof PrincipalName | typeof RoleName;
type Values = ReturnType<typeof parse>['values'];

/** Fails with `malformed`; the message names the argument. */
export function readConfig(words: readonly string[]): Outcome<WordCountConfig> {
  try {
    const { values, positionals } = parse(words);
    const { creds, nats, cluster, id, output, role, json, 'min-map-time': minimum } = values;
    if (creds === undefined) throw new TypeError('--creds FILE is missing');
    return succeed({
      credential: {
        file: creds,
        ...(nats !== undefined && { servers: nats.split(',') }),
        ...(cluster !== undefined && { cluster: nameOf('--cluster', ClusterName, cluster) }),
        tls: tlsFilesOf(values),
        ...(id !== undefined && { principal: nameOf('--id', PrincipalName, id) }),
      },
      input: inputOf(values, positionals),
      output,
      role: nameOf('--role', RoleName, role),
      frameworkId: nameOf('--framework-id', Token, values['framework-id']),
      taskResources: resources({ cpus: values.cpus, mem: values.mem }),
      reducers: wholeNumber('--reducers', values.reducers, 1, MAX_REDUCERS),
      splits: splitsOf(values),
      minMapMs: wholeNumber('--min-map-time', minimum.replace(/ms$/, ''), 0, MAX_MINIMUM_MS),
      isJson: json,
    });
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
}

const parse = (words: readonly string[]) =>
  parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });

function inputOf({ input = [], 'files-from': list }: Values, more: readonly string[]): InputPlace {
  const [first] = more;
  if (first !== undefined && input.length === 0)
    throw new TypeError(`unexpected argument ${first}: folders stand behind --input`);
  if (list !== undefined && input.length > 0)
    throw new TypeError('--input and --files-from cannot be given together');
  if (list !== undefined) return { kind: 'list', list: Buffer.from(list) };
  const folders = [...input, ...more];
  if (folders.length === 0)
    throw new TypeError('the input is missing: give --input DIR or --files-from FILE');
  if (folders.includes('')) throw new TypeError('--input is empty: name a folder');
  return { kind: 'folders', folders: folders.map((folder) => Buffer.from(folder)) };
}

function splitsOf({ 'split-bytes': bytes, 'map-tasks': tasks }: Values): SplitWish {
  if (bytes !== undefined && tasks !== undefined)
    throw new TypeError('--split-bytes and --map-tasks cannot be given together');
  if (bytes !== undefined)
    return { bytes: wholeNumber('--split-bytes', bytes, 1, Number.MAX_SAFE_INTEGER) };
  if (tasks !== undefined) return { count: wholeNumber('--map-tasks', tasks, 1, MAX_SPLITS) };
  return {};
}

/** As it is, when it is such a name; what is left out stays so. */
function nameOf<T extends string | undefined>(option: string, kind: NameKind, text: T): T {
  const name = kind.optional().safeParse(text);
  if (name.success) return text;
  throw new TypeError(`${option} ${text}: ${name.error.issues[0]?.message ?? 'not valid'}`);
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new TypeError(`${name} ${text}: must be a whole number from ${least} to ${most}`);
}
