// Owns the highest term of a leader that this agent has heard of, on its disk: an agent that was started again must not
// take orders of a leader that it knew to be deposed.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fileFailure } from '@parley/isolation/file-failure';
import { Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

export class EpochFile {
  readonly #file: string;

  constructor(workDirectory: string) {
    this.#file = path.join(workDirectory, 'leader-epoch.json');
  }

  /** None where there is no file, or where it is damaged: then any leader is taken, as by a new agent. */
  read(): Epoch {
    try {
      return Epoch.safeParse(JSON.parse(readFileSync(this.#file, 'utf8'))).data ?? NO_EPOCH;
    } catch {
      return NO_EPOCH;
    }
  }

  /** On the disk when it returns, so that nothing that is ordered in this term is done before. Once a term. */
  write(epoch: Epoch): Outcome<undefined> {
    const partial = `${this.#file}.partial`;
    try {
      const file = openSync(partial, 'w', 0o600);
      try {
        writeSync(file, JSON.stringify(epoch));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(partial, this.#file);
      return succeed(undefined);
    } catch (error) {
      const { code, message } = fileFailure(error);
      return fail(code === 'diskFull' ? 'diskFull' : 'internalError', message);
    }
  }
}
