// Owns knowing when a scheduler that has just begun has heard everything that happened before: it listens beside the session
// to what is read of the update stream and what of it is through. It changes nothing of either.
import type { ClusterName } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type {
  SchedulerPorts,
  StreamPosition,
  UpdateReader,
  UpdateReaderOptions,
} from './scheduler-ports.ts';

type Waiting = { readonly sequence: number; readonly resolve: () => void };

export class RecoveryWatch {
  readonly #cluster: ClusterName;
  /** Read, and not yet given to the plan: by place in the stream, which update it is. */
  readonly #unheard = new Map<number, string>();
  #reader: UpdateReader | undefined;
  #wanted: number | undefined;
  #readUpTo = -1;
  #waiting: Waiting[] = [];
  #isOver = false;

  constructor(cluster: ClusterName) {
    this.#cluster = cluster;
  }

  /** The same ports, with this watch at their stream of updates. */
  around(ports: SchedulerPorts): SchedulerPorts {
    return {
      cluster: ports.cluster,
      principal: ports.principal,
      clock: ports.clock,
      openBus: (listener) => ports.openBus(listener),
      openUpdates: (options) => this.#open(ports, options),
      openBucket: () => ports.openBucket(),
      randomToken: () => ports.randomToken(),
      warn: (error) => ports.warn(error),
      close: () => ports.close(),
    };
  }

  /** Resolves when every update up to this one was read and heard. */
  heardUpTo({ sequence }: StreamPosition): Promise<void> {
    this.#wanted = Math.max(sequence, this.#wanted ?? 0);
    if (this.#readUpTo < sequence) this.#reader?.catchUp(sequence);
    return new Promise((resolve) => {
      this.#waiting.push({ sequence, resolve });
      this.#look();
    });
  }

  /** The plan has it. What the user does with it is another matter. */
  heard(update: StatusUpdate): void {
    if (this.#isOver) return;
    const identity = identityOf(update);
    for (const [sequence, unheard] of this.#unheard)
      if (unheard === identity) this.#unheard.delete(sequence);
    this.#look();
  }

  /** Nothing is watched any more. */
  end(): void {
    this.#isOver = true;
    this.#unheard.clear();
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting = [];
  }

  #open(ports: SchedulerPorts, options: UpdateReaderOptions): UpdateReader {
    this.#readUpTo = -1;
    const reader = ports.openUpdates({
      ...options,
      onMessage: (position, subject, bytes) => {
        this.#read(position.sequence, subject, bytes);
        options.onMessage(position, subject, bytes);
      },
      onCaughtUp: (position) => {
        options.onCaughtUp(position);
        this.#readUpTo = Math.max(this.#readUpTo, position.sequence);
        this.#look();
      },
    });
    this.#reader = reader;
    if (this.#wanted !== undefined) reader.catchUp(this.#wanted);
    return {
      acknowledge: (sequence) => {
        // Dropped without being told to anybody, or through.
        if (this.#unheard.delete(sequence)) this.#look();
        reader.acknowledge(sequence);
      },
      catchUp: (sequence) => reader.catchUp(sequence),
      close: (remove) => reader.close(remove),
    };
  }

  #read(sequence: number, subject: string, bytes: Uint8Array): void {
    if (this.#isOver) return;
    const received = decodeMessage(SUBJECTS.update, this.#cluster, subject, bytes);
    // What does not parse is left out by the session, too.
    if (received.ok) this.#unheard.set(sequence, identityOf(received.value.body));
  }

  #look(): void {
    const first = Math.min(...this.#unheard.keys());
    const isReached = ({ sequence }: Waiting): boolean =>
      this.#readUpTo >= sequence && first > sequence;
    for (const waiting of this.#waiting) if (isReached(waiting)) waiting.resolve();
    this.#waiting = this.#waiting.filter((waiting) => !isReached(waiting));
  }
}

const identityOf = ({ task, source, sequence }: StatusUpdate): string =>
  `${task.taskId}:${source}:${sequence}`;
