// Owns what passes between an agent and a leader about the agent itself: when it registers and with what, what the leader's
// answers mean, and that an operator has declared the agent gone. When a registration is due is in registration.ts.
import type { AgentTask } from './agent-task.ts';
import type { Departure } from './departure.ts';
import type { ExecutorRoster } from './executors/executor-roster.ts';
import type { HeldAnswers } from './held-answers.ts';
import type { Registration } from './registration.ts';
import type { Instant, SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';
import type { SupervisorOptions } from './supervisor-options.ts';
import type { TaskTable } from './task-table.ts';
import type { ToldTasks } from './told-tasks.ts';

type Out = SupervisorEffect[];
type Input<Kind extends SupervisorInput['kind']> = Extract<
  SupervisorInput,
  { readonly kind: Kind }
>;

export type LeaderDeskOptions = {
  readonly host: SupervisorOptions['host'];
  readonly registration: Registration;
  readonly told: ToldTasks;
  readonly departure: Departure;
  readonly answers: HeldAnswers;
  readonly table: Pick<TaskTable, 'all'>;
  readonly roster: Pick<ExecutorRoster, 'named'>;
  /** To be called after a task was told to stop; its group is told likewise. */
  readonly settleOne: (task: AgentTask, now: Instant, out: Out) => void;
};

export class LeaderDesk {
  readonly #options: LeaderDeskOptions;

  constructor(options: LeaderDeskOptions) {
    this.#options = options;
  }

  /** True: status updates may be sent from now on. */
  answered(input: Input<'registerAnswered' | 'tasksTold'>, now: Instant, out: Out): boolean {
    const { epoch } = input;
    if (epoch !== undefined && !this.#options.registration.heard(epoch, now.nowMs)) return false;
    return input.kind === 'registerAnswered'
      ? this.#registerAnswered(input, now, out)
      : this.#tasksTold(input, now, out);
  }

  /** What is to be said now. */
  takeDue(now: Instant): SupervisorEffect[] {
    const { registration, told, host, roster } = this.#options;
    const due = registration.takeDue(now.nowMs, () => told.describe(host));
    for (const effect of due) {
      if (effect.kind === 'register') roster.named(effect.body.executors);
    }
    return due;
  }

  #registerAnswered(input: Input<'registerAnswered'>, now: Instant, out: Out): boolean {
    const { registration, answers, told } = this.#options;
    const { counter, answer } = input;
    if (!answer.ok) {
      const { code, message } = answer.failure;
      out.push({ kind: 'report', about: 'register', what: `${code}: ${message}` });
      if (code === 'agentGone') this.#retire(message, now, out);
    }
    if (!registration.answered(counter, answer, now.nowMs) || !answer.ok) return false;
    answers.registered(out);
    if (answer.value.wantsTasks === true) {
      told.begin(now.nowMs);
      return false;
    }
    told.end();
    told.endUnknown(answer.value, now, out);
    return true;
  }

  /** Until the last page is answered none is sent. */
  #tasksTold({ counter, answer }: Input<'tasksTold'>, now: Instant, out: Out): boolean {
    const { registration, told } = this.#options;
    const end = told.answered(counter, answer, now, out);
    if (end === 'refused') registration.again(now.nowMs);
    return end === 'all';
  }

  /** An operator has declared this agent gone: it ends all tasks, and then itself. */
  #retire(why: string, now: Instant, out: Out): void {
    const { registration, departure, table, settleOne } = this.#options;
    registration.retire();
    departure.begin(why);
    for (const task of table.all()) {
      task.stop({ reason: 'agentGone' }, now, out);
      settleOne(task, now, out);
    }
  }
}
