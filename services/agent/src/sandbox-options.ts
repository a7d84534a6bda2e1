// Owns reading what the command line says about the sandboxes of tasks: what they may hold, and for how long they are kept.
// Failures are `malformed` and name the option.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { MILLI } from '@parley/protocol/resources';
import { parseMemory } from '@parley/resources/parse';

type Text = string | undefined;

export const SANDBOX_OPTIONS = {
  'disk-check': { type: 'string' },
  'output-limit': { type: 'string' },
} as const;

export const SANDBOX_USAGE = `\
  --disk-check SECONDS  look so often whether the sandbox of a task holds more than the task may,
                        and kill it then; 0: never (15)
  --output-limit SIZE   keep so much, the newest part, of what a task writes to stdout, and as
                        much of stderr; 0: all (100MiB)
`;

export type SandboxLimits = {
  /** 0: never. */
  readonly diskCheckMs: number;
  /** 0: none. */
  readonly outputLimitBytes: number;
};

const DEFAULT_DISK_CHECK_S = '15';
const DEFAULT_OUTPUT_LIMIT = '100MiB';
const LEAST_OUTPUT_LIMIT_MIB = 1;
const MIB = 1024 * 1024;

export function readSandboxOptions(
  options: Readonly<Partial<Record<keyof typeof SANDBOX_OPTIONS, Text>>>,
): Outcome<SandboxLimits> {
  const { 'disk-check': check = DEFAULT_DISK_CHECK_S } = options;
  if (!/^\d{1,5}$/.test(check)) return fail('malformed', '--disk-check takes whole seconds');
  const output = readBytes('output-limit', options['output-limit'] ?? DEFAULT_OUTPUT_LIMIT);
  if (!output.ok) return output;
  if (output.value !== 0 && output.value < LEAST_OUTPUT_LIMIT_MIB * MIB) {
    return fail('malformed', `--output-limit: ${LEAST_OUTPUT_LIMIT_MIB}MiB at least, or 0`);
  }
  return succeed({ diskCheckMs: Number(check) * 1000, outputLimitBytes: output.value });
}

function readBytes(option: string, text: string): Outcome<number> {
  const size = parseMemory(text);
  if (!size.ok) return fail('malformed', `--${option}: ${size.failure.message}`);
  return succeed(Math.floor(size.value / MILLI) * MIB);
}
