// Owns reading what the command line says about the sandboxes of tasks: what they may hold, and for how long they are kept.
// Failures are `malformed` and name the option.
import path from 'node:path';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { MILLI } from '@parley/protocol/resources';
import { parseMemory } from '@parley/resources/parse';
import { ADDRESS_POLICIES, type FetchPolicy } from './fetching/fetch-policy.ts';
import type { CollectionRules } from './sandbox-collector.ts';

type Text = string | undefined;

export const SANDBOX_OPTIONS = {
  'disk-check': { type: 'string' },
  'output-limit': { type: 'string' },
  'sandbox-keep-for': { type: 'string' },
  'sandbox-keep-free': { type: 'string' },
  'fetch-from': { type: 'string', multiple: true },
  'fetch-addresses': { type: 'string' },
  'fetch-timeout': { type: 'string' },
  'fetch-limit': { type: 'string' },
  'image-store': { type: 'string' },
} as const;

export const SANDBOX_USAGE = `\
  --disk-check SECONDS  look so often whether the sandbox of a task holds more than the task may,
                        and kill it then; 0: never (15)
  --output-limit SIZE   keep so much, the newest part, of what a task writes to stdout, and as
                        much of stderr; 0: all (100MiB)
  --sandbox-keep-for TIME
                        sandboxes of what is over stay for so long at most ("12h", "7d"); 0: however
                        long; of tasks no more than 500 stay anyway, of executors 100 (7d)
  --sandbox-keep-free SIZE
                        while less of the disk is free, or less than so many percent ("50GiB",
                        "10%"), they go before that, the oldest first; 0: never (5%)
  --fetch-from DIR      tasks may have files below this directory fetched (file: addresses); may be
                        repeated; none by default
  --fetch-addresses KIND
                        where tasks may have things fetched from over HTTP: public, private (those
                        of private networks too) or any (this host too) (private)
  --fetch-timeout SECONDS
                        of one address, from the question to the last byte (600)
  --fetch-limit SIZE    of one file that is fetched, and of what one archive, or one image, holds (4GiB)
  --image-store SIZE    of unpacked images so much is kept for the next task; those that tasks use
                        are kept anyway (10GiB)
`;

export type SandboxLimits = {
  /** 0: never. */
  readonly diskCheckMs: number;
  /** 0: none. */
  readonly outputLimitBytes: number;
  readonly fetching: FetchPolicy;
  readonly imageStoreBytes: number;
  readonly collection: CollectionRules;
};

type Texts = { readonly [Name in Exclude<keyof typeof SANDBOX_OPTIONS, 'fetch-from'>]?: Text } & {
  readonly 'fetch-from'?: readonly string[] | undefined;
};

const DEFAULT_DISK_CHECK_S = '15';
const DEFAULT_OUTPUT_LIMIT = '100MiB';
const DEFAULT_FETCH_TIMEOUT_S = '600';
const DEFAULT_FETCH_LIMIT = '4GiB';
const DEFAULT_IMAGE_STORE = '10GiB';
const LEAST_OUTPUT_LIMIT_MIB = 1;
const UNIT_MS: Readonly<Record<string, number>> = {
  ...{ s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
};
const MIB = 1024 * 1024;

export function readSandboxOptions(options: Texts): Outcome<SandboxLimits> {
  const check = readSeconds('disk-check', options['disk-check'] ?? DEFAULT_DISK_CHECK_S);
  if (!check.ok) return check;
  const output = readBytes('output-limit', options['output-limit'] ?? DEFAULT_OUTPUT_LIMIT);
  if (!output.ok) return output;
  if (output.value !== 0 && output.value < LEAST_OUTPUT_LIMIT_MIB * MIB) {
    return fail('malformed', `--output-limit: ${LEAST_OUTPUT_LIMIT_MIB}MiB at least, or 0`);
  }
  const fetching = readFetching(options);
  if (!fetching.ok) return fetching;
  const collection = readCollection(options);
  if (!collection.ok) return collection;
  const images = readBytes('image-store', options['image-store'] ?? DEFAULT_IMAGE_STORE);
  if (!images.ok) return images;
  return succeed({
    ...{ diskCheckMs: check.value, outputLimitBytes: output.value },
    ...{ fetching: fetching.value, collection: collection.value },
    imageStoreBytes: images.value,
  });
}

function readFetching(options: Texts): Outcome<FetchPolicy> {
  const { 'fetch-from': directories = [], 'fetch-addresses': kind = 'private' } = options;
  const relative = directories.find((directory) => !path.isAbsolute(directory));
  if (relative !== undefined) {
    return fail('malformed', `--fetch-from ${relative}: must be an absolute path`);
  }
  const addresses = ADDRESS_POLICIES.find((policy) => policy === kind);
  if (addresses === undefined) {
    return fail('malformed', `--fetch-addresses is one of ${ADDRESS_POLICIES.join(', ')}`);
  }
  const timeout = readSeconds('fetch-timeout', options['fetch-timeout'] ?? DEFAULT_FETCH_TIMEOUT_S);
  if (!timeout.ok) return timeout;
  if (timeout.value === 0) return fail('malformed', '--fetch-timeout takes whole seconds from 1');
  const limit = readBytes('fetch-limit', options['fetch-limit'] ?? DEFAULT_FETCH_LIMIT);
  if (!limit.ok) return limit;
  if (limit.value < MIB) return fail('malformed', '--fetch-limit: 1MiB at least');
  const [timeoutMs, maxBytes] = [timeout.value, limit.value];
  return succeed({ addresses, directories, timeoutMs, maxBytes });
}

function readCollection(options: Texts): Outcome<CollectionRules> {
  const { 'sandbox-keep-for': age = '7d', 'sandbox-keep-free': free = '5%' } = options;
  const [, count, unit] = /^(\d{1,5})([smhd])$/.exec(age) ?? (age === '0' ? ['', '0', 's'] : []);
  if (count === undefined || unit === undefined) {
    return fail('malformed', '--sandbox-keep-for takes a whole number with s, m, h or d, or 0');
  }
  const keepForMs = Number(count) * (UNIT_MS[unit] ?? 0);
  const [, percent] = /^(\d{1,2})%$/.exec(free) ?? [];
  if (percent !== undefined) return succeed({ keepForMs, keepFree: { percent: Number(percent) } });
  const bytes = readBytes('sandbox-keep-free', free);
  return bytes.ok ? succeed({ keepForMs, keepFree: { bytes: bytes.value } }) : bytes;
}

/** Milliseconds. */
function readSeconds(option: string, text: string): Outcome<number> {
  return /^\d{1,5}$/.test(text)
    ? succeed(Number(text) * 1000)
    : fail('malformed', `--${option} takes whole seconds`);
}

function readBytes(option: string, text: string): Outcome<number> {
  const size = parseMemory(text);
  if (!size.ok) return fail('malformed', `--${option}: ${size.failure.message}`);
  return succeed(Math.floor((size.value * MIB) / MILLI));
}
