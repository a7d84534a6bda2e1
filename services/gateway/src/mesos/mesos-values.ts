// Owns small values that Mesos and we write differently: amounts, times, labels. Pure; what cannot be told throws
// `Untranslatable`, whose message names the field.
import { MILLI } from '@parley/protocol/resources';
import type { Int64, Labels } from './mesos-types.ts';

/** What a framework asked for and we have no way to say; the message begins with the field. */
export class Untranslatable extends Error {}

/** Integers of up to 2^53. */
export const numberOf = (value: Int64): number => Number(value);

/** Thousandths, as Mesos rounds its scalars. */
export const milliOf = (amount: number): number => Math.round(amount * MILLI);

const NANOSECONDS_PER_MS = 1_000_000;

export function millisecondsOf(nanoseconds: Int64, field: string): number {
  const ms = Math.round(Number(nanoseconds) / NANOSECONDS_PER_MS);
  if (ms < 0) throw new Untranslatable(`${field}: must not be negative`);
  return ms;
}

export const nanosecondsOf = (ms: number): bigint =>
  BigInt(Math.round(ms)) * BigInt(NANOSECONDS_PER_MS);

/** A label without a value reads as one with an empty value. */
export function ownLabels(labels: Labels | undefined, field: string): Record<string, string> {
  const own = new Map<string, string>();
  for (const { key, value = '' } of labels?.labels ?? []) {
    if (own.has(key)) throw new Untranslatable(`${field}: the key "${key}" comes twice`);
    own.set(key, value);
  }
  return Object.fromEntries(own);
}

export function mesosLabels(own: Readonly<Record<string, string>>): Labels | undefined {
  const labels = Object.entries(own).map(([key, value]) => ({ key, value }));
  return labels.length === 0 ? undefined : { labels };
}
