// Owns builders for tests about taking back: clients, their tasks, agents, and a cluster in which what was decided
// happens at once. Nothing of the choice is replaced here.
import { AgentId, type FrameworkRef, RoleName, TaskRef, taskKey } from '@parley/protocol/ids';
import type { Resources } from '@parley/protocol/resources';
import type { RevocableTask } from '@parley/protocol/revocations';
import type { Quantities } from '@parley/protocol/sharing';
import { normalise } from '@parley/resources/resources';
import type { Claims, SharingClient } from './claims.ts';
import { plus } from './quantities.ts';
import { isWithin, type RoleBound } from './role-bounds.ts';
import { chooseVictims } from './victims.ts';

export const agent = (id: string): AgentId => AgentId.parse(id);
export const role = RoleName.parse('r');
export const cpus = (amount: number, mem = 0): Resources =>
  normalise({ scalars: { cpus: amount, mem } });

const refOf = (id: string): FrameworkRef => {
  const { principal, frameworkId } = TaskRef.parse({
    principal: 'team',
    frameworkId: id,
    taskId: 't',
  });
  return { principal, frameworkId };
};

/** Holds nothing, is guaranteed nothing, wants nothing. */
export const aClient = (id: string, changes: Partial<SharingClient> = {}): SharingClient => ({
  framework: refOf(id),
  role,
  guarantee: {},
  held: {},
  offered: {},
  fairShare: { cpus: 10 },
  needs: [],
  starvedForMs: 0,
  ...changes,
});

export const aTask = (
  holder: string,
  id: string,
  changes: Partial<RevocableTask> = {},
): RevocableTask => ({
  task: TaskRef.parse({ principal: 'team', frameworkId: holder, taskId: id }),
  agentId: agent('a1'),
  role,
  resources: cpus(1),
  priority: 0,
  launchedAtMs: 0,
  ...changes,
});

/** One full agent, a1; nobody was starved for so long. */
export const aClaim = (changes: Partial<Claims> = {}): Claims => ({
  clients: [],
  tasks: [],
  free: new Map(),
  comingBack: [],
  total: { cpus: 100, mem: 100 },
  starvationMs: 1000,
  limit: 100,
  ...changes,
});

/** What is set for a role, and `idle`: reserved there without being in use; what those below it have is theirs together. */
export function boundOf(
  bounded: RoleName,
  clients: readonly SharingClient[],
  changes: Partial<RoleBound> & { readonly idle?: Quantities },
): Map<RoleName, RoleBound> {
  const { idle = {}, ...set } = changes;
  const below = clients.filter((client) => isWithin(client.role, bounded));
  const held = below.reduce<Quantities>((sum, client) => plus(sum, client.held), {});
  const used = below.reduce((sum, { offered }) => plus(sum, offered), plus(held, idle));
  return new Map([[bounded, { guarantee: {}, limit: {}, held, used, ...set }]]);
}

/** Ids of the tasks that are taken back, in their order. */
export const chosen = (claims: Claims): string[] =>
  chooseVictims(claims).map(({ task }) => task.taskId);

/** What the tasks of a holder hold together. */
export function heldIn(
  tasks: readonly Pick<RevocableTask, 'task' | 'resources'>[],
  holder: string,
): Quantities {
  const held: Quantities = {};
  for (const { task, resources } of tasks) {
    if (task.frameworkId !== holder) continue;
    for (const [name, amount] of Object.entries(resources.scalars)) {
      held[name] = (held[name] ?? 0) + amount;
    }
  }
  return held;
}

export const keyOf = ({ task }: Pick<RevocableTask, 'task'>): string => taskKey(task);
