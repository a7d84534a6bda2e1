// Owns what a word count is told: the arguments of its command line.
import { parseArgs } from 'node:util';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { Token } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { SchedulerCredential } from '@parley/scheduler-sdk/scheduler-credential';
import { resources } from '@parley/scheduler-sdk/task';
import { MAX_REDUCERS } from './wordcount-commands.ts';

export const USAGE = `usage: framework-mapreduce --creds FILE (--input DIR... | --files-from FILE) [options]
Counts the words of files on a cluster: a word is a run of ASCII letters, in lower case, each file by itself.
  --creds FILE        credential of a principal (parley principal add NAME --roles ROLE)
  --nats URL[,URL]    servers; wins over the credential file
  --cluster NAME      wins over the credential file
  --input DIR         every regular file below; may be repeated
  --files-from FILE   the files that it names, each name ended by a NUL byte
  --output FILE       all counts, as word<TAB>count lines sorted by word
  --role ROLE         role to be offered resources in (default: *)
  --framework-id ID   of this job alone (default: a fresh one)
  --cpus N --mem SIZE what each task is given (default: 0.1, 128MiB)
  --map-tasks N       cut the text into about so many splits (default: by --split-bytes)
  --split-bytes N     (default: 4194304)
  --reducers N        (default: 3)
  --min-map-time MS   how long a map task takes at least, so that sharing can be watched (default: 0)
  --json              one JSON object a line: progress, then the result`;

export type WordCountConfig = {
  readonly credential: SchedulerCredential;
  readonly frameworkId: string | undefined;
  readonly role: string;
  readonly inputs: readonly Buffer[];
  readonly filesFrom: Buffer | undefined;
  readonly output: string | undefined;
  readonly taskResources: Resources;
  readonly mapTasks: number | undefined;
  readonly splitBytes: number;
  readonly reducers: number;
  readonly minMapMs: number;
  readonly isJson: boolean;
};

const MIB = 1024 * 1024;
const OPTIONS = {
  creds: { type: 'string' },
  nats: { type: 'string' },
  cluster: { type: 'string' },
  input: { type: 'string', multiple: true },
  'files-from': { type: 'string' },
  output: { type: 'string' },
  role: { type: 'string', default: '*' },
  'framework-id': { type: 'string' },
  cpus: { type: 'string', default: '0.1' },
  mem: { type: 'string', default: '128MiB' },
  'map-tasks': { type: 'string' },
  'split-bytes': { type: 'string', default: String(4 * MIB) },
  reducers: { type: 'string', default: '3' },
  'min-map-time': { type: 'string', default: '0' },
  json: { type: 'boolean', default: false },
} as const;

/** Fails with `malformed`; the message names the argument. */
export function readConfig(words: readonly string[]): Outcome<WordCountConfig> {
  try {
    const { values } = parseArgs({ args: [...words], options: OPTIONS });
    if (values.creds === undefined) return fail('malformed', '--creds FILE is missing');
    const filesFrom = values['files-from'];
    const inputs = values.input ?? [];
    if (inputs.length === 0 && filesFrom === undefined) {
      return fail('malformed', 'say what to read: --input DIR or --files-from FILE');
    }
    const id = Token.optional().safeParse(values['framework-id']);
    if (!id.success) return fail('malformed', `--framework-id ${values['framework-id']}: no id`);
    const mapTasks = values['map-tasks'];
    return succeed({
      credential: {
        file: values.creds,
        ...(values.nats !== undefined && { servers: values.nats.split(',') }),
        ...(values.cluster !== undefined && { cluster: values.cluster }),
      },
      frameworkId: id.data,
      role: values.role,
      inputs: inputs.map((path) => Buffer.from(path)),
      filesFrom: filesFrom === undefined ? undefined : Buffer.from(filesFrom),
      output: values.output,
      taskResources: resources({ cpus: values.cpus, mem: values.mem }),
      mapTasks: mapTasks === undefined ? undefined : countOf('--map-tasks', mapTasks, [1, 100_000]),
      splitBytes: countOf('--split-bytes', values['split-bytes'], [1, 1024 * MIB]),
      reducers: countOf('--reducers', values.reducers, [1, MAX_REDUCERS]),
      minMapMs: countOf('--min-map-time', values['min-map-time'].replace(/ms$/, ''), [0, 600_000]),
      isJson: values.json,
    });
  } catch (error) {
    return fail('malformed', error instanceof Error ? error.message : String(error));
  }
}

function countOf(name: string, text: string, [least, most]: readonly [number, number]): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= least && count <= most) return count;
  throw new TypeError(`${name} ${text}: must be a whole number from ${least} to ${most}`);
}
