// Owns the highest term of a leader that this agent has heard of, on its disk: an agent that was started again must not
// take orders of a leader that it knew to be deposed.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import type { Outcome } from '@parley/protocol/errors';
import { replaceFile } from './durable-file.ts';

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
    return replaceFile(this.#file, JSON.stringify(epoch));
  }
}
