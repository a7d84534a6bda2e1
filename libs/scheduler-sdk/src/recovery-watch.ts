// Owns knowing when a scheduler that has just begun has heard everything that happened before: it listens beside the session
// to what is read of the update stream and what of it is through. It changes nothing of either.
import type { ClusterName, TaskId } from '@parley/protocol/ids';
import { decodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { StatusUpdate } from '@parley/protocol/tasks';
import type {
  SchedulerPorts,
  StreamPosition,
  UpdateReader,
  UpdateReaderOptions,
} from './scheduler-ports.ts';

type Waiting = {
  readonly sequence: number;
  /** It is enough that they were read. */
  readonly isReadEnough: boolean;
  readonly resolve: () => void;
};

export class RecoveryWatch {
  readonly #cluster: ClusterName;
  /** Read, and not yet given to the plan: by place in the stream, which update it is. */
  readonly #unheard = new Map<number, string>();
  #reader: UpdateReader | undefined;
  #wanted: number | undefined;
  #readUpTo = -1;
  /** Of the last message that was handed over. */
  #lastRead = -1;
  /** Where reading began. */
  #began: StreamPosition | undefined;
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
  heardUpTo(position: StreamPosition): Promise<void> {
    return this.#until(position, false);
  }

  /** Resolves when every update up to this one was read, heard or not. */
  readUpTo(position: StreamPosition): Promise<void> {
    return this.#until(position, true);
  }

  /** An update of the task was read, and waits to be heard. */
  isOnItsWay(taskId: TaskId): boolean {
    return [...this.#unheard.values()].some((identity) => identity.startsWith(`${taskId}:`));
  }

  /**
   * A leader that has read up to there knows every end that is not told here again, because an earlier scheduler has
   * acknowledged it. A stream that was made later counts from 1 again.
   */
  covers({ streamCreatedMs, sequence }: StreamPosition): boolean {
    const began = this.#began;
    if (began === undefined || streamCreatedMs > began.streamCreatedMs) return true;
    return streamCreatedMs === began.streamCreatedMs && sequence >= began.sequence;
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

  #until({ sequence }: StreamPosition, isReadEnough: boolean): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#wanted = Math.max(sequence, this.#wanted ?? 0);
    const isRead = Math.max(this.#readUpTo, isReadEnough ? this.#lastRead : -1) >= sequence;
    if (!isRead) this.#reader?.catchUp(sequence);
    return new Promise((resolve) => {
      this.#waiting.push({ sequence, isReadEnough, resolve });
      this.#look();
    });
  }

  #open(ports: SchedulerPorts, options: UpdateReaderOptions): UpdateReader {
    this.#readUpTo = -1;
    this.#lastRead = -1;
    const reader = ports.openUpdates({
      ...options,
      onBegin: (position) => {
        this.#began = position;
      },
      onMessage: (position, subject, bytes) => {
        this.#read(position.sequence, subject, bytes);
        options.onMessage(position, subject, bytes);
        this.#look();
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
    this.#lastRead = Math.max(this.#lastRead, sequence);
    const received = decodeMessage(SUBJECTS.update, this.#cluster, subject, bytes);
    // What does not parse is left out by the session, too.
    if (received.ok) this.#unheard.set(sequence, identityOf(received.value.body));
  }

  #look(): void {
    if (this.#waiting.length === 0) return;
    const first = Math.min(...this.#unheard.keys());
    // Messages come in their order: with one of them all before it were read.
    const isReached = ({ sequence, isReadEnough }: Waiting): boolean =>
      isReadEnough
        ? Math.max(this.#readUpTo, this.#lastRead) >= sequence
        : this.#readUpTo >= sequence && first > sequence;
    for (const waiting of this.#waiting) if (isReached(waiting)) waiting.resolve();
    this.#waiting = this.#waiting.filter((waiting) => !isReached(waiting));
  }
}

const identityOf = ({ task, source, sequence }: StatusUpdate): string =>
  `${task.taskId}:${source}:${sequence}`;
