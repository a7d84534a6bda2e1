// Owns how it reads that tasks may run on revocable resources.
import type { RevocableUse } from '@parley/protocol/revocations';

/** After what one task needs; nothing where it runs on ordinary resources. */
export function describeRevocableUse(use: RevocableUse | undefined): string {
  if (use === undefined) return '';
  return use === 'also' ? ', on revocable resources too' : ', on revocable resources only';
}
