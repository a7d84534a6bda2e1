// Owns what a sentence about the past is made of: its words, and whom and what it names, so that lines can be filtered.
import type { AgentId, FrameworkRef, OfferId, TaskRef } from '@parley/protocol/ids';
import { frameworkKey } from '@parley/protocol/ids';

export type Sentence = {
  readonly text: string;
  readonly agents?: readonly AgentId[];
  readonly frameworks?: readonly FrameworkRef[];
  readonly tasks?: readonly TaskRef[];
  readonly offers?: readonly OfferId[];
};

/** Names of a long list that are shown. */
const SHOWN = 5;

/** "t1, t2 and 7 more". */
export function listed(names: readonly string[]): string {
  if (names.length <= SHOWN) return names.join(', ');
  return `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`;
}

export const counted = (count: number, one: string): string =>
  `${count} ${one}${count === 1 ? '' : 's'}`;

/** `frameworkDisconnected` as "framework disconnected". */
export const inWords = (code: string): string =>
  code.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

export const seconds = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`);

export const frameworkWords = (ref: FrameworkRef): string => `framework ${frameworkKey(ref)}`;

export const frameworkOf = ({ principal, frameworkId }: FrameworkRef): FrameworkRef => ({
  principal,
  frameworkId,
});

export const graceWords = (graceMs: number | undefined): string =>
  graceMs === undefined ? '' : ` with a grace of ${seconds(graceMs)}`;
