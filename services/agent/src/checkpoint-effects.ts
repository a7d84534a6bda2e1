// Owns writing down and removing the records of tasks as the supervisor's effects ask for it, and what is heard of it then. The
// files are in checkpoint-store.ts.
import type { TaskRef } from '@parley/protocol/ids';
import type { Logger } from '@parley/telemetry/logger';
import type { CheckpointStore } from './checkpoint-store.ts';
import type { SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';

export class CheckpointEffects {
  readonly #checkpoints: Pick<CheckpointStore, 'write' | 'remove'>;
  readonly #logger: Logger;
  readonly #writes = new Set<Promise<unknown>>();

  constructor(checkpoints: Pick<CheckpointStore, 'write' | 'remove'>, logger: Logger) {
    this.#checkpoints = checkpoints;
    this.#logger = logger;
  }

  /** What the supervisor is to hear of it. */
  async persist({
    task,
    revision,
    record,
  }: Extract<SupervisorEffect, { kind: 'persist' }>): Promise<SupervisorInput> {
    const writing = this.#checkpoints.write(record);
    this.#writes.add(writing);
    const written = await writing;
    this.#writes.delete(writing);
    if (written.ok) return { kind: 'recorded', task, revision };
    const { failure } = written;
    this.#logger.error({ ...record.task, reason: failure.message }, 'task record not written');
    return { kind: 'recordFailed', task, revision, failure };
  }

  async forget(ref: TaskRef): Promise<void> {
    const removed = await this.#checkpoints.remove(ref);
    if (removed.ok) return;
    this.#logger.error({ ...ref, reason: removed.failure.message }, 'task record not removed');
  }

  /** Whatever is being written now is on the disk, or is not going to be. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }
}
