// Owns which states of tasks are the end of them. Apart from tasks.ts, so that who only asks this need not load the schemas.

const TERMINAL_TASK_STATES = ['finished', 'failed', 'killed', 'error', 'dropped', 'gone'] as const;

const terminal: ReadonlySet<string> = new Set(TERMINAL_TASK_STATES);
export const isTerminalState = (state: string): boolean => terminal.has(state);
