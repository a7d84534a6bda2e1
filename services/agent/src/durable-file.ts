// Owns replacing a small file of the agent as a whole: after a crash it is the old one or the new one.
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { fileFailure } from '@parley/isolation/file-failure';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

/** On the disk when it returns. Fails with `diskFull`, or `internalError` and what the file system says. */
export function replaceFile(file: string, content: string | Uint8Array): Outcome<undefined> {
  const partial = `${file}.partial`;
  try {
    const handle = openSync(partial, 'w', 0o600);
    try {
      writeFileSync(handle, content);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(partial, file);
    return succeed(undefined);
  } catch (error) {
    const { code, message } = fileFailure(error);
    return fail(code === 'diskFull' ? 'diskFull' : 'internalError', message);
  }
}
