// Owns an exported window of a cluster that never was: so many agents and tasks, and events at a rate, for tests of how
// much a page bears. It tests nothing itself.

export type WindowSize = {
  readonly agents: number;
  readonly tasks: number;
  readonly eventsASecond: number;
  readonly seconds: number;
};

const FIRST_MS = Date.UTC(2026, 0, 1);
const STATES = ['staging', 'starting', 'running'] as const;

export function scriptedWindow({ agents, tasks, eventsASecond, seconds }: WindowSize): string {
  const agentRows = Array.from({ length: agents }, (_, index) => ({
    ...{ agentId: `agent-${index}`, hostname: `host-${index}`, state: 'registered' },
    ...{ condition: 'active', total: { cpus: 64_000 }, allocated: {}, offered: {}, tasks: 0 },
  }));
  const taskRows = Array.from({ length: tasks }, (_, index) => ({
    ...{ principal: 'alice', frameworkId: 'web', taskId: `task-${index}`, name: `task ${index}` },
    ...{ agentId: `agent-${index % agents}`, state: 'staging', resources: { cpus: 100 } },
  }));
  const view = {
    moment: { sequence: 1, index: 0, coreTimeMs: 0 },
    ...{ total: { cpus: 64_000 * agents }, allocated: {}, offered: {} },
    ...{ agents: agentRows, tasks: taskRows },
    ...{ frameworks: [], executors: [], offers: [], endedTasks: [], endedOffers: [] },
  };
  const events = Array.from({ length: eventsASecond * seconds }, (_, number) => {
    const row = taskRows[number % tasks];
    const turn = Math.floor(number / tasks);
    const atMs = Math.floor((1000 * number) / eventsASecond);
    return {
      ...{ sequence: number + 2, index: 0, coreTimeMs: atMs, wallTimeMs: FIRST_MS + atMs },
      text: `task ${row?.taskId} changed`,
      event: {
        ...{ type: 'taskStateChanged', name: row?.name, agentId: row?.agentId },
        task: { principal: 'alice', frameworkId: 'web', taskId: row?.taskId },
        ...{ from: STATES[turn % 3], to: STATES[(turn + 1) % 3] },
        resources: { scalars: { cpus: 100 }, ports: [], sets: {} },
      },
    };
  });
  const head = { format: 'parley-window', version: 1, view };
  return [head, ...events].map((line) => `${JSON.stringify(line)}\n`).join('');
}
