// Owns how a command ends: exit codes, and the failure that says what, why and what to do.
// Printing it and leaving is main.ts's.
import type { ErrorCode, Failure } from '@parley/protocol/errors';
import { shownText } from './shown-text.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  /** It needs a yes that was not given: nothing was done. */
  notConfirmed: 4,
  unreachable: 5,
  timedOut: 6,
} as const;

export type FailureWords = {
  readonly what: string;
  readonly why?: string;
  readonly remedy?: string;
};

/** An operating failure of a command, in words for whoever typed it. */
export class CommandFailure extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, words: FailureWords, cause?: unknown) {
    super(describeFailure(words), { cause });
    this.name = 'CommandFailure';
    this.exitCode = exitCode;
  }
}

function describeFailure({ what, why, remedy }: FailureWords): string {
  const lines = [what];
  if (why !== undefined) lines.push(`  why:        ${why}`);
  if (remedy !== undefined) lines.push(`  what to do: ${remedy}`);
  return lines.join('\n');
}

/** What is not there, and where to look for what is. */
const NOT_FOUND: Readonly<Partial<Record<ErrorCode, string>>> = {
  unknownTask: 'see "parley task list --all"',
  unknownFile: 'see "parley task files list"',
  unknownAgent: 'see "parley agent list"',
  unknownRole: 'see "parley role list"',
  notSubscribed: 'see "parley framework list"',
  frameworkRemoved: 'see "parley framework list"',
  unknownMoment: 'name a moment of which something is kept: see "parley replay --help"',
};

/** A failure that an actor of the cluster answered with. */
export function failureFromCluster(
  what: string,
  failure: Failure,
  { remedy: known }: { readonly remedy?: string | undefined } = {},
): CommandFailure {
  const why = `${shownText(failure.message)} (${failure.code})`;
  const lookThere = NOT_FOUND[failure.code];
  if (lookThere !== undefined) {
    return new CommandFailure(EXIT.notFound, { what, why, remedy: known ?? lookThere });
  }
  if (failure.code === 'unavailable') {
    const remedy = known ?? 'see "parley status" and "parley logs master-1"; then try again';
    return new CommandFailure(EXIT.unreachable, { what, why, remedy });
  }
  if (failure.code === 'needsForce') {
    const remedy = 'change what it says; or, if you mean it, add --force';
    return new CommandFailure(EXIT.failed, { what, why, remedy });
  }
  return new CommandFailure(EXIT.failed, { what, why, ...(known && { remedy: known }) });
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Node's code of a failed system call (`ENOENT`, `ENOSPC` ...). */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Says for a failed write whether the disk is full, and what to do about it. */
export function writeFailure(what: string, directory: string, error: unknown): CommandFailure {
  const isFull = systemCode(error) === 'ENOSPC' || systemCode(error) === 'EDQUOT';
  const words = {
    what,
    why: isFull ? `no space is left in ${directory}` : reasonOf(error),
    remedy: isFull
      ? `free some space there, or set PARLEY_DIRECTORY to a directory on another disk`
      : `check that ${directory} can be written by this user`,
  };
  return new CommandFailure(EXIT.failed, words, error);
}
