// Owns what a task is on an agent: one that the agent runs itself, or one that it gives to a custom executor.
import type { ExecutorTask } from './executors/executor-task.ts';
import type { SupervisedTask } from './supervised-task.ts';

export type AgentTask = SupervisedTask | ExecutorTask;
