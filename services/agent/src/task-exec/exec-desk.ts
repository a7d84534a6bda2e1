// Owns the sessions of commands beside tasks: who may begin how many, and their end when nobody asks for them any more. A
// client that vanishes costs an agent one command for 15 s.
import type { ChildProcess } from 'node:child_process';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import {
  EXEC_LEASE_MS,
  type ExecAsk,
  type ExecRequest,
  type ExecResult,
} from '@parley/protocol/task-exec';
import { unreachable } from '@parley/protocol/unreachable';
import { ExecSession } from './exec-session.ts';

export type ExecStart = Extract<ExecAsk, { kind: 'start' }>;

export type ExecDeskOptions = {
  /** Whether it has a scope to run something in. */
  readonly isRunning: (task: TaskRef) => boolean;
  /** Fails with words for whoever asked. */
  readonly spawn: (start: ExecStart) => Promise<Outcome<ChildProcess>>;
  /** Told of each command that is begun. */
  readonly onStart: (start: ExecStart) => void;
  readonly leaseMs?: number;
};

type Entry = {
  readonly task: TaskRef;
  readonly session: Promise<Outcome<ExecSession>>;
  lease: NodeJS.Timeout;
};

const MAX_SESSIONS = 16;
/** A start that was under way for long must not begin again what is over. */
const MAX_REMEMBERED = 256;
const ENDED = succeed({ kind: 'ended' } as const);

export class ExecDesk {
  readonly #options: ExecDeskOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #over = new Set<string>();

  constructor(options: ExecDeskOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async answer({ session: id, ask }: ExecRequest): Promise<Outcome<ExecResult>> {
    if (ask.kind === 'start') return this.#start(id, ask);
    const entry = this.#entries.get(id);
    if (entry === undefined) return ENDED;
    if (ask.kind === 'end') {
      await this.#end(id);
      return ENDED;
    }
    this.#renew(id, entry);
    const session = await entry.session;
    if (!session.ok) return session;
    // Whatever of it is in the task's scope still would keep that from ending.
    if (!this.#options.isRunning(entry.task)) await session.value.close();
    return succeed(await tell(session.value, ask));
  }

  /** Kills every command. */
  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((id) => this.#end(id)));
  }

  async #start(id: string, start: ExecStart): Promise<Outcome<ExecResult>> {
    if (this.#over.has(id)) return ENDED;
    const entry = this.#entries.get(id) ?? this.#begin(id, start);
    if (entry === undefined) {
      return fail('overloaded', `${MAX_SESSIONS} commands run beside tasks here; try again later`);
    }
    const session = await entry.session;
    return session.ok ? succeed({ kind: 'started' }) : session;
  }

  #begin(id: string, start: ExecStart): Entry | undefined {
    if (this.#entries.size >= MAX_SESSIONS) return undefined;
    const entry = { task: start.task, session: this.#open(id, start), lease: this.#lease(id) };
    this.#entries.set(id, entry);
    void this.#releaseUnstarted(id, entry);
    return entry;
  }

  async #open(id: string, start: ExecStart): Promise<Outcome<ExecSession>> {
    if (!this.#options.isRunning(start.task)) {
      return fail(
        'unknownTask',
        `${taskKey(start.task)} does not run here, so there is nothing to run a command in`,
      );
    }
    const child = await this.#options.spawn(start);
    if (!child.ok) return child;
    this.#options.onStart(start);
    const session = new ExecSession(child.value);
    // It may have been given up meanwhile.
    if (!this.#entries.has(id)) await session.close();
    return succeed(session);
  }

  /** What was refused holds no place; asked again, it is tried again. */
  async #releaseUnstarted(id: string, entry: Entry): Promise<void> {
    const session = await entry.session;
    if (session.ok || this.#entries.get(id) !== entry) return;
    clearTimeout(entry.lease);
    this.#entries.delete(id);
  }

  #renew(id: string, entry: Entry): void {
    clearTimeout(entry.lease);
    entry.lease = this.#lease(id);
  }

  #lease(id: string): NodeJS.Timeout {
    return setTimeout(() => void this.#end(id), this.#options.leaseMs ?? EXEC_LEASE_MS);
  }

  async #end(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    clearTimeout(entry.lease);
    this.#entries.delete(id);
    this.#over.add(id);
    for (const oldest of this.#over) {
      if (this.#over.size <= MAX_REMEMBERED) break;
      this.#over.delete(oldest);
    }
    const session = await entry.session;
    if (session.ok) await session.value.close();
  }
}

function tell(
  session: ExecSession,
  ask: Exclude<ExecAsk, { kind: 'start' | 'end' }>,
): ExecResult | Promise<ExecResult> {
  switch (ask.kind) {
    case 'output':
      return session.output(ask.from, ask.waitMs);
    case 'input':
      return session.input(ask);
    case 'resize':
      return session.resize(ask.size);
    default:
      return unreachable(ask);
  }
}
