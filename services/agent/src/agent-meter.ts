// Owns what an agent tells Prometheus: counts taken beside what its shell does anyway, states read when somebody asks.
import type { UsageReport } from '@parley/protocol/agents';
import { isTerminal, type TaskState } from '@parley/protocol/tasks';
import type { Metrics } from '@parley/telemetry/metrics';

const MILLI = 1000;
const BYTES_PER_MIB = 1024 * 1024;

export type AgentLook = {
  readonly tasks: () => Iterable<{ readonly state: TaskState }>;
  readonly isConnected: () => boolean;
};

export class AgentMeter {
  readonly #metrics: Metrics;
  #usage: UsageReport | undefined;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  launched(tookMs: number): void {
    this.#metrics.count('parley_agent_launches_total');
    this.#metrics.observe('parley_agent_launch_seconds', tookMs / 1000);
  }

  /** Once for each state of a task. */
  taskTold(state: TaskState): void {
    if (isTerminal(state)) this.#metrics.count('parley_agent_tasks_ended_total', { state });
  }

  measured(totals: UsageReport): void {
    this.#usage = totals;
  }

  watch({ tasks, isConnected }: AgentLook): void {
    this.#metrics.gauge('parley_agent_connected', () => (isConnected() ? 1 : 0));
    this.#metrics.gauge('parley_agent_tasks', () => {
      const counts = new Map<TaskState, number>();
      for (const { state } of tasks()) counts.set(state, (counts.get(state) ?? 0) + 1);
      return [...counts].map(([state, count]) => [{ state }, count] as const);
    });
    this.#metrics.gauge(
      'parley_agent_cpu_used_cores',
      () => this.#usage && this.#usage.cpuMillis / MILLI,
    );
    this.#metrics.gauge(
      'parley_agent_memory_used_bytes',
      () => this.#usage && this.#usage.memoryMib * BYTES_PER_MIB,
    );
  }
}
