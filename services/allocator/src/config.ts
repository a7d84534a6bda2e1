// Owns what the allocator is told at its start beside what every service is told.
import { SERVICE_USAGE } from '@parley/actor/service-arguments';
import { COALESCE_MS } from '@parley/allocation/allocator';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { METRICS_OPTIONS, METRICS_USAGE } from '@parley/telemetry/metrics-server';

export const ALLOCATOR_OPTIONS = {
  'allocation-interval': { type: 'string' },
  ...METRICS_OPTIONS,
} as const;

const MAX_INTERVAL_MS = 10_000;

export const USAGE = `usage: parley allocator --creds FILE [options]
${SERVICE_USAGE}
  --allocation-interval TIME  from the first news to the run that takes in all of them: 0 (at once, but at most one run every
                              ${COALESCE_MS} ms), or such as 100ms, 2s, up to ${MAX_INTERVAL_MS / 1000}s (default: 0)
${METRICS_USAGE}`;

/** Milliseconds; 0: as events come. Fails with `malformed`; the message names the option. */
export function readInterval(own: Readonly<Record<string, unknown>>): Outcome<number> {
  const text = own['allocation-interval'];
  if (text === undefined || text === '0') return succeed(0);
  const [, amount, unit] = /^(\d{1,5})(ms|s)$/.exec(String(text)) ?? [];
  const intervalMs = unit === 's' ? Number(amount) * 1000 : Number(amount);
  if (unit !== undefined && intervalMs <= MAX_INTERVAL_MS) return succeed(intervalMs);
  return fail(
    'malformed',
    `--allocation-interval ${String(text)}: must be 0, or a time such as 100ms or 2s, up to ${MAX_INTERVAL_MS / 1000}s`,
  );
}
