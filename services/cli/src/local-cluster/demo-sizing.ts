// Owns how much work the two frameworks of a local cluster get, from what its agents own. Pure. Batch tasks are
// heavy on CPU and map tasks on memory, so that the frameworks' dominant shares are of different resources.
import type { AgentShare } from './host-shares.ts';

export type TaskSize = { readonly cpuMillis: number; readonly memoryMib: number };

export type DemoSizing = {
  readonly batch: TaskSize & { readonly instances: number; readonly seconds: number };
  /** `minimumMs`: how long a map task takes at least, so that sharing can be watched. */
  readonly map: TaskSize & { readonly tasks: number; readonly minimumMs: number };
};

/** Batch tasks that fill the CPUs of an agent. */
const BATCH_SLOTS = 4;
const BATCH_SECONDS = 2;
/** Map tasks that fill the memory of an agent; together they take two thirds of its CPUs. */
const MAP_SLOTS = 5;
const MAP_MINIMUM_MS = 2500;
/** One task of a shell loop or of one thread of JavaScript uses no more than one CPU. */
const MAX_TASK_CPU_MILLIS = 1000;
/** Each kind of task passes through its slots this often; measured to last 30 to 60 s together. */
const BATCH_WAVES = 11;
const MAP_WAVES = 6;

export function sizeDemo(agents: readonly AgentShare[]): DemoSizing {
  const cpuMillis = Math.min(...agents.map((agent) => agent.cpuMillis));
  const memoryMib = Math.min(...agents.map((agent) => agent.memoryMib));
  const batchCpu = clamp(Math.floor(cpuMillis / BATCH_SLOTS), 10, MAX_TASK_CPU_MILLIS);
  const batchSlots = Math.max(Math.floor(cpuMillis / batchCpu), 1) * agents.length;
  const mapCpu = clamp(Math.floor((cpuMillis * 2) / (3 * MAP_SLOTS)), 10, MAX_TASK_CPU_MILLIS);
  return {
    batch: {
      cpuMillis: batchCpu,
      memoryMib: Math.max(Math.floor(memoryMib / 64), 16),
      instances: batchSlots * BATCH_WAVES,
      seconds: BATCH_SECONDS,
    },
    map: {
      cpuMillis: mapCpu,
      // A tenth of a slot stays free, so that batch tasks find memory beside full slots.
      memoryMib: Math.max(Math.floor((memoryMib * 0.94) / MAP_SLOTS), 32),
      tasks: MAP_SLOTS * agents.length * MAP_WAVES,
      minimumMs: MAP_MINIMUM_MS,
    },
  };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
