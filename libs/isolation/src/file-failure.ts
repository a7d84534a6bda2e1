// What a failed file operation means to a caller here: a full disk is a failure of its own, since it passes
// and somebody can do something about it. It handles nothing; it only gives the failure its name.

export type FileFailure = {
  readonly code: 'diskFull' | 'fileFailed';
  readonly message: string;
};

/** ENOSPC is a full disk or no inode left; EDQUOT is the same for one user. */
export function fileFailure(error: unknown): FileFailure {
  const code = errorCode(error);
  const message = error instanceof Error ? error.message : String(error);
  return { code: code === 'ENOSPC' || code === 'EDQUOT' ? 'diskFull' : 'fileFailed', message };
}

export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
