// Owns what the master is told at its start beside what every service is told: the settings of the cluster, which are
// journalled, and those of its edge, which are not.
import { SERVICE_USAGE } from '@parley/actor/service-arguments';
import { ClusterSettings } from '@parley/cluster/inputs';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { describeIssues } from '@parley/protocol/message';
import {
  DEFAULT_STARVATION_MS,
  DEFAULT_UNCOUNTED,
  type Quantities,
} from '@parley/protocol/sharing';
import { parseScalars } from '@parley/resources/parse';
import { METRICS_OPTIONS, METRICS_USAGE } from '@parley/telemetry/metrics-server';
import { DEFAULT_RATE_LIMITS, type RateLimitSettings } from './rate-limits.ts';

export const SETTING_OPTIONS = {
  reclaim: { type: 'string' },
  'starvation-ms': { type: 'string' },
  'least-offer': { type: 'string' },
  placement: { type: 'string' },
  uncounted: { type: 'string' },
  'agent-silence-ms': { type: 'string' },
  'agent-removals-per-second': { type: 'string' },
  'framework-silence-ms': { type: 'string' },
  'offer-timeout-ms': { type: 'string' },
  'outstanding-cap': { type: 'string' },
  'revocation-notice-ms': { type: 'string' },
  'revocation-grace-ms': { type: 'string' },
  'revocation-extension-ms': { type: 'string' },
  authorization: { type: 'string' },
  'calls-per-second': { type: 'string' },
  'outstanding-calls': { type: 'string' },
  ...METRICS_OPTIONS,
} as const;

export const USAGE = `usage: parley master --creds FILE [options]
${SERVICE_USAGE}
  --reclaim on|off          guarantees are met by taking back what others have beyond theirs, or by holding back what is free (default: on)
  --starvation-ms N         a client below its fair share for longer is starved, and others are asked to give back (default: ${DEFAULT_STARVATION_MS})
  --least-offer AMOUNTS     less, of any of them, is not worth an offer; a role may have its own (default: cpus=0.01,mem=32MiB)
  --placement HOW           which agents are looked at first: random, bestFit (the fullest), spread (the emptiest) (default: random)
  --uncounted NAMES         resources that are in no share, with commas between them; "" for none (default: ${DEFAULT_UNCOUNTED.join(',')})
  --agent-silence-ms N      an agent silent for longer is unreachable (default: 75000)
  --agent-removals-per-second N  so many silent agents are given up a second at most (default: 20, or 1 % of all where that is more)
  --framework-silence-ms N  a framework silent for longer is disconnected (default: 20000)
  --offer-timeout-ms N      an offer that is not answered by then is rescinded; a framework may set its own (default: 10000)
  --outstanding-cap PERCENT share of the cluster that one framework may hold in unanswered offers (default: 50)
  --revocation-notice-ms N  between an inverse offer for a task and the question to it to stop (default: 0)
  --revocation-grace-ms N   then a task that was asked to stop and goes on is killed (default: 30000)
  --revocation-extension-ms N  what an executor that asks for more time gets beyond that at most (default: 120000)
  --authorization FILE      who may do what: infra/docs/authorization.md; read again on SIGHUP (default: all may)
  --calls-per-second N      of one principal, over all of its frameworks (default: ${DEFAULT_RATE_LIMITS.callsPerSecond})
  --outstanding-calls N     of one principal that may wait for an answer (default: ${DEFAULT_RATE_LIMITS.outstandingCalls})
${METRICS_USAGE}`;

type Own = Readonly<Record<string, unknown>>;

/** Fails with `malformed`; the message names the setting. */
export function readSettings(own: Own): Outcome<ClusterSettings> {
  const leastOffer = leastOfferOf(own['least-offer']);
  if (!leastOffer.ok) return leastOffer;
  const given = {
    reclaims: reclaimOf(own['reclaim']),
    starvationMs: numberOf(own['starvation-ms']),
    minAllocatable: leastOffer.value,
    placement: own['placement'],
    uncounted: namesOf(own['uncounted']),
    agentSilenceMs: numberOf(own['agent-silence-ms']),
    ...(own['agent-removals-per-second'] !== undefined && {
      agentRemovalsPerSecond: numberOf(own['agent-removals-per-second']),
    }),
    frameworkSilenceMs: numberOf(own['framework-silence-ms']),
    offerTimeoutMs: numberOf(own['offer-timeout-ms']),
    outstandingCapPermille: permilleOf(own['outstanding-cap']),
    revocationNoticeMs: numberOf(own['revocation-notice-ms']),
    revocationGraceMs: numberOf(own['revocation-grace-ms']),
    revocationExtensionMs: numberOf(own['revocation-extension-ms']),
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

export type EdgeSettings = {
  readonly rateLimits: RateLimitSettings;
  readonly authorizationFile: string | undefined;
};

/** Fails with `malformed`; the message names the option. */
export function readEdgeSettings(own: Own): Outcome<EdgeSettings> {
  const { authorization } = own;
  if (authorization === '') return fail('malformed', '--authorization: names no file');
  const rate = countOf(own, 'calls-per-second', DEFAULT_RATE_LIMITS.callsPerSecond);
  if (!rate.ok) return rate;
  const open = countOf(own, 'outstanding-calls', DEFAULT_RATE_LIMITS.outstandingCalls);
  if (!open.ok) return open;
  return succeed({
    rateLimits: { callsPerSecond: rate.value, outstandingCalls: open.value },
    authorizationFile: typeof authorization === 'string' ? authorization : undefined,
  });
}

const MAX_COUNT = 1_000_000;

function countOf(own: Own, option: string, byDefault: number): Outcome<number> {
  const text = own[option];
  if (text === undefined) return succeed(byDefault);
  const count = Number(text);
  if (text !== '' && Number.isInteger(count) && count >= 1 && count <= MAX_COUNT)
    return succeed(count);
  return fail(
    'malformed',
    `--${option} ${String(text)}: must be a whole number from 1 to ${MAX_COUNT}`,
  );
}

/** Signs of life that may get lost or late before silence is a verdict. */
const BEATS_A_SILENCE = 4;

const beatWithin = (intervalMs: number, silenceMs: number): number =>
  Math.min(intervalMs, Math.floor(silenceMs / BEATS_A_SILENCE));

/** What is neither is left for the schema to refuse. */
const reclaimOf = (text: unknown): unknown =>
  text === 'on' ? true : text === 'off' ? false : text;

function leastOfferOf(text: unknown): Outcome<Quantities | undefined> {
  if (text === undefined) return succeed(undefined);
  const amounts = parseScalars(String(text));
  return amounts.ok ? amounts : fail('malformed', `--least-offer: ${amounts.failure.message}`);
}

const namesOf = (text: unknown): string[] | undefined =>
  text === undefined
    ? undefined
    : String(text)
        .split(',')
        .filter((name) => name !== '');

const numberOf = (text: unknown): number | undefined =>
  text === undefined ? undefined : Number(text);

/** Percent, with at most one digit behind the point, as thousandths. */
const permilleOf = (percent: unknown): number | undefined =>
  percent === undefined ? undefined : Math.round(Number(percent) * 1e6) / 1e5;
