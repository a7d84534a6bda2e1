// Owns `parley master|allocator|agent|gateway`: this process becomes the service, so that signals and exit codes are its own.

import { childEnvironment } from '../config.ts';
import { entryArgv, type RunnableName } from '../local-cluster/service-catalog.ts';

export function becomeService(clone: string, name: RunnableName, words: readonly string[]): never {
  if (process.execve === undefined) throw new Error('this Node has no process.execve');
  return process.execve(
    process.execPath,
    [...entryArgv(clone, name), ...words],
    childEnvironment(),
  );
}
