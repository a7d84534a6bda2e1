// Owns what becomes of a takeover: which agents and frameworks the new leader has heard since, how long it took, and
// what they said that was not in the books. Repairing that is the core's, which is told by the same messages. A task or
// an executor that ended while its agent's report was under way is no difference: the report was true when it was made.
import type { Effect } from '@parley/cluster/effects';
import type { ClusterEvent } from '@parley/cluster/events';
import type { FrameworkComparison, ReportedFramework } from '@parley/cluster/framework-report';
import { RegisterResult } from '@parley/protocol/agents';
import {
  type AgentId,
  type ExecutorRef,
  executorKey,
  type FrameworkRef,
  frameworkKey,
  type TaskKey,
  taskKey,
} from '@parley/protocol/ids';
import type { TakeoverCensus as Census } from '@parley/protocol/leadership';
import type { ClusterView } from './cluster-view.ts';
import { type CensusLine, FrameworkCensus } from './framework-census.ts';

/** A report waits for its answer for seconds, not for longer than it takes so many executors to end. */
const MAX_ENDED_EXECUTORS = 10_000;

/** Tasks in other states, and lines about them that wait to be logged. */
const MAX_DIFFERENCES = 100_000;
const MAX_LINES = 100;

/** Of agents or of frameworks. */
class Group {
  readonly #expected = new Set<string>();
  #heard = 0;
  #sumMs = 0;
  #lastMs = 0;
  #isTold = false;

  expect(key: string): void {
    this.#expected.add(key);
  }

  get size(): number {
    return this.#heard + this.#expected.size;
  }

  get heard(): number {
    return this.#heard;
  }

  awaits(key: string): boolean {
    return this.#expected.has(key);
  }

  hear(key: string, afterMs: number): void {
    if (!this.#expected.delete(key)) return;
    this.#heard += 1;
    this.#sumMs += afterMs;
    this.#lastMs = afterMs;
  }

  /** Once, when all were heard. */
  takeEnd(): { count: number; meanMs: number; lastMs: number } | undefined {
    if (this.#isTold || this.#heard === 0 || this.#expected.size > 0) return undefined;
    this.#isTold = true;
    const meanMs = Math.round(this.#sumMs / this.#heard);
    return { count: this.#heard, meanMs, lastMs: Math.round(this.#lastMs) };
  }
}

export class TakeoverCensus {
  readonly #view: Pick<ClusterView, 'hasEndedOn'>;
  readonly #agents = new Group();
  readonly #frameworks = new Group();
  readonly #reports = new FrameworkCensus();
  readonly #differingAgents = new Set<AgentId>();
  /** By task, its agent: one that names it again is no other difference. */
  readonly #differingTasks = new Map<TaskKey, AgentId>();
  /** The books keep none: those that ended last in this term, by agent and executor. */
  readonly #endedExecutors = new Set<string>();
  /** By agent, the last report that was counted: a repeated one is answered the same again. */
  readonly #counted = new Map<AgentId, string>();
  #startedMs = 0;
  #unknownTasks = 0;
  #unknownExecutors = 0;
  #forgottenTasks = 0;
  #told = 0;
  #differences: CensusLine[] = [];

  constructor(view: Pick<ClusterView, 'hasEndedOn'>) {
    this.#view = view;
  }

  /** Those in the books when the term begins. */
  begin(
    agents: Iterable<{ readonly agentId: string }>,
    frameworks: Iterable<{ readonly ref: FrameworkRef }>,
    nowMs: number,
  ): void {
    this.#startedMs = nowMs;
    for (const { agentId } of agents) this.#agents.expect(agentId);
    for (const { ref } of frameworks) this.#frameworks.expect(frameworkKey(ref));
  }

  get now(): Census {
    return {
      agents: this.#agents.size,
      agentsHeard: this.#agents.heard,
      frameworks: this.#frameworks.size,
      frameworksHeard: this.#frameworks.heard,
      unknownTasks: this.#unknownTasks,
      unknownExecutors: this.#unknownExecutors,
      forgottenTasks: this.#forgottenTasks,
      differingTasks: this.#differingTasks.size,
      differingAgents: this.#differingAgents.size,
      ...this.#reports.now,
    };
  }

  /** Not heard since the term began. */
  awaits(agentId: AgentId): boolean {
    return this.#agents.awaits(agentId);
  }

  /** What it has and runs is what the books say. */
  agentHeard(agentId: AgentId, nowMs: number): void {
    this.#agents.hear(agentId, nowMs - this.#startedMs);
  }

  frameworkHeard(framework: FrameworkRef, nowMs: number): void {
    this.#frameworks.hear(frameworkKey(framework), nowMs - this.#startedMs);
  }

  /** What a framework said of itself. True when it is to name its roles again. */
  compared(reported: ReportedFramework, compared: FrameworkComparison): boolean {
    return this.#reports.compared(reported, compared);
  }

  /** Of committed inputs: registrations, and what they led to. */
  carriedOut(effects: readonly Effect[], nowMs: number): void {
    for (const effect of effects) {
      if (effect.kind === 'answer') this.#answered(effect, nowMs);
      else if (effect.kind === 'event' && effect.event.type === 'executorExited') {
        this.#executorEnded(effect.event.agentId, effect.event.executor);
      } else if (effect.kind === 'event' && effect.event.type === 'agentDiffers') {
        this.#agentDiffers(effect.event);
      } else if (effect.kind === 'writeUpdate' && effect.update.reason === 'agentForgot') {
        this.#forgottenTasks += 1;
      }
    }
  }

  /** News for the log. */
  takeLines(): CensusLine[] {
    const lines: CensusLine[] = [...this.#reports.takeLines(), ...this.#differences];
    this.#differences = [];
    const { unknownTasks, unknownExecutors, forgottenTasks } = this.now;
    const differences = unknownTasks + unknownExecutors + forgottenTasks;
    if (differences > this.#told) {
      const fields = { unknownTasks, unknownExecutors, forgottenTasks };
      const message = 'what agents told was not in the books: repaired';
      lines.push({ level: 'info', message, fields });
    }
    this.#told = differences;
    const agents = this.#agents.takeEnd();
    if (agents !== undefined) {
      const message = 'every agent was heard in this term';
      lines.push({ level: 'info', message, fields: agents });
    }
    const frameworks = this.#frameworks.takeEnd();
    if (frameworks !== undefined) {
      const message = 'every framework was heard in this term';
      lines.push({ level: 'info', message, fields: frameworks });
    }
    return lines;
  }

  #answered({ caller, request, answer }: Extract<Effect, { kind: 'answer' }>, nowMs: number): void {
    if (caller.kind !== 'agent' || !answer.ok) return;
    const result = RegisterResult.safeParse(answer.value);
    if (!result.success) return;
    const { agentId } = caller;
    this.#agents.hear(agentId, nowMs - this.#startedMs);
    const { unknownTasks, unknownExecutors } = result.data;
    const tasks = unknownTasks.filter((task) => !this.#view.hasEndedOn(agentId, task)).length;
    const executors = unknownExecutors.filter(
      (executor) => !this.#endedExecutors.has(`${agentId} ${executorKey(executor)}`),
    ).length;
    if (tasks + executors === 0) return;
    const report = `${request.session} ${request.counter}`;
    if (this.#counted.get(agentId) === report) return;
    this.#counted.set(agentId, report);
    this.#unknownTasks += tasks;
    this.#unknownExecutors += executors;
  }

  #agentDiffers({ agentId, tasks, held }: Extract<ClusterEvent, { type: 'agentDiffers' }>): void {
    const news = tasks.filter((task) => this.#differingTasks.get(taskKey(task)) !== agentId);
    const isNews = news.length > 0 || (held !== undefined && !this.#differingAgents.has(agentId));
    for (const task of news) {
      if (this.#differingTasks.size < MAX_DIFFERENCES) {
        this.#differingTasks.set(taskKey(task), agentId);
      }
    }
    if (held !== undefined) this.#differingAgents.add(agentId);
    if (!isNews || this.#differences.length >= MAX_LINES) return;
    const some = news.slice(0, MAX_LINES).map(taskKey);
    this.#differences.push({
      level: 'error',
      message:
        'an agent says otherwise than the books of the states of tasks, or of what they hold: the books stand, until the next update of a task or its end',
      fields: { agentId, tasks: news.length, ...(some.length > 0 && { some }), ...held },
    });
  }

  #executorEnded(agentId: AgentId, executor: ExecutorRef): void {
    this.#endedExecutors.add(`${agentId} ${executorKey(executor)}`);
    if (this.#endedExecutors.size <= MAX_ENDED_EXECUTORS) return;
    for (const oldest of this.#endedExecutors) {
      this.#endedExecutors.delete(oldest);
      return;
    }
  }
}
