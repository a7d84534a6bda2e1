// Owns measuring the lists of the HTTP API over a large cluster: a page that is asked for the first time, and the same page
// after a little has happened, as every tab asks for it. In this process, without HTTP; the least of several runs each.
import type { ClusterEvent } from '@parley/cluster/events';
import { apply } from '@parley/cluster-view/apply';
import { countsOf } from '@parley/cluster-view/counts';
import { type ListName, type Query, query } from '@parley/cluster-view/query';
import { emptyView, type View } from '@parley/cluster-view/view';
import { fromJson, toJson } from '@parley/cluster-view/view-json';
import { AgentId, FrameworkRef, TaskRef } from '@parley/protocol/ids';
import type { TaskState } from '@parley/protocol/tasks';
import { against, beside } from '../allocation/targets.ts';
import type { Result } from '../measurement.ts';

const FRAMEWORKS = 100;
const TASKS_AN_AGENT = 3;
/** Tasks that begin to run between two looks: at 2,000 events a second, so many happen between two turns of a tab. */
const CHANGED = 300;
const RUNS = 9;
const FRESH_VIEWS = 3;

type Case = { readonly name: string; readonly list: ListName; readonly asked: Query };
const CASES: readonly Case[] = [
  { name: 'agents.plain', list: 'agents', asked: { offset: 5000 } },
  { name: 'agents.state', list: 'agents', asked: { filter: 'state:registered' } },
  { name: 'agents.word', list: 'agents', asked: { filter: 'a4' } },
  { name: 'agents.byName', list: 'agents', asked: { sort: 'hostname' } },
  { name: 'agents.byCpus', list: 'agents', asked: { sort: '-allocated.cpus', limit: 1000 } },
  { name: 'tasks.plain', list: 'tasks', asked: { offset: 5000 } },
  { name: 'tasks.running', list: 'tasks', asked: { filter: 'state:running', sort: 'name' } },
  { name: 'tasks.word', list: 'tasks', asked: { filter: 't4' } },
  { name: 'tasks.byName', list: 'tasks', asked: { sort: 'name' } },
  { name: 'tasks.ofAgent', list: 'tasks', asked: { filter: 'agentId:a77' } },
];

export function listResults(agents: 10_000 | 50_000): Result[] {
  const cluster = new EventfulView(agents);
  cluster.happen(agents);
  const views = Array.from({ length: FRESH_VIEWS }, () => fromJson(toJson(cluster.view)));
  const first = CASES.map(({ list, asked }) =>
    Math.min(...views.map((view) => tookMs(() => query(view, list, asked)))),
  );
  const again = CASES.map(({ list, asked }) => {
    const took: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      cluster.happen(CHANGED);
      took.push(tookMs(() => query(cluster.view, list, asked)));
    }
    return Math.min(...took);
  });
  return [
    against(`gateway.lists.${agents}.first`, [Math.max(...first)]),
    against(`gateway.lists.${agents}.again`, [Math.max(...again)]),
    ...CASES.flatMap(({ name }, index) => [
      beside(`gateway.${name}.${agents}.first`, [first[index] ?? 0], 'ms'),
      beside(`gateway.${name}.${agents}.again`, [again[index] ?? 0], 'ms'),
    ]),
    beside(`gateway.counts.${agents}`, [tookMs(() => countsOf(cluster.view))], 'ms'),
  ];
}

function tookMs(work: () => unknown): number {
  const beganMs = performance.now();
  work();
  return performance.now() - beganMs;
}

/** A view to which things happen. */
class EventfulView {
  readonly view: View = emptyView();
  readonly #agents: number;
  #sequence = 0;
  #changed = 0;

  constructor(agents: number) {
    this.#agents = agents;
    for (let index = 0; index < FRAMEWORKS; index += 1) {
      const framework = frameworkOf(index);
      const session = 1;
      this.#apply({ type: 'frameworkSubscribed', framework, name: 'many', roles: [], session });
    }
    for (let index = 0; index < agents; index += 1) {
      const total = { scalars: { cpus: 16_000, mem: 65_536_000 }, ports: [], sets: {} };
      const [agentId, hostname] = [agentOf(index), `a${index}.example`];
      this.#apply({ type: 'agentRegistered', agentId, hostname, total, returned: false });
      for (let task = 0; task < TASKS_AN_AGENT; task += 1)
        this.#change(index * TASKS_AN_AGENT + task, undefined, 'staging');
    }
  }

  happen(count: number): void {
    for (let index = 0; index < count; index += 1) {
      // A stride, so that tasks all over the list change.
      const task = (this.#changed * 7919) % (this.#agents * TASKS_AN_AGENT);

      this.#change(task, 'staging', 'running');
      this.#changed += 1;
    }
  }

  #change(number: number, from: TaskState | undefined, to: TaskState): void {
    const task = TaskRef.parse({ ...frameworkOf(number % FRAMEWORKS), taskId: `t${number}` });
    const agentId = agentOf(Math.floor(number / TASKS_AN_AGENT));
    const resources = {
      scalars: { cpus: 100 + (number % 40) * 10, mem: 64_000 },
      ports: [],
      sets: {},
    };
    const name = `task ${number % 5000}`;
    this.#apply({ type: 'taskStateChanged', task, name, agentId, from, to, resources });
  }

  #apply(event: ClusterEvent): void {
    this.#sequence += 1;
    apply(this.view, { sequence: this.#sequence, index: 0, coreTimeMs: this.#sequence }, event);
  }
}

const agentOf = (index: number): AgentId => AgentId.parse(`a${index}`);
const frameworkOf = (index: number): FrameworkRef =>
  FrameworkRef.parse({ principal: 'batch', frameworkId: `f${index}` });
