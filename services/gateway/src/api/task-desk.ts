// Owns what the API asks agents and the allocator about a task or framework: output and files of a sandbox, a piece at a time,
// and why somebody waits. All of it goes over the bus; which agent a task ran on is in the followed books.
import { whyNotOffered } from '@parley/cluster/offered-agents';
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { Explanation } from '@parley/protocol/explanations';
import { readName, showName } from '@parley/protocol/file-names';
import {
  type AgentId,
  type FrameworkRef,
  frameworkKey,
  type TaskRef,
  taskKey,
} from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { type FilesAsk, type FilesResult, MAX_LISTED } from '@parley/protocol/task-files';
import type { FollowedCluster } from '../live-cluster.ts';

type Link = Pick<OperatorLink, 'call'>;
type Live = Pick<FollowedCluster, 'followed'>;

export type Piece = {
  readonly data: Uint8Array;
  /** Of `data`, in bytes. */
  readonly offset: number;
  readonly size: number;
  /** No more will come. */
  readonly ended: boolean;
};
export type LogAsk = {
  readonly stream: 'stdout' | 'stderr';
  /** Negative counts from the end. */
  readonly offset: number;
  readonly maxBytes: number;
};
export type ListedFile = {
  /** As `showName` writes it, and as paths are asked for. */
  readonly name: string;
  readonly kind: string;
  readonly size: number;
  readonly modifiedMs: number;
};
export type Why = {
  /** Absent of a task that is launched: it waits for no offer. */
  readonly explanation?: Explanation;
  readonly state?: string;
  readonly agentId?: string;
  /** Agents that may not be offered at all, by why. */
  readonly leftOutAgents: Readonly<Record<string, number>>;
};

export class TaskDesk {
  readonly #link: Link;
  readonly #live: Live;

  constructor(link: Link, live: Live) {
    this.#link = link;
    this.#live = live;
  }

  /** Fails with `unknownTask`, or as asking its agent does. */
  async log(task: TaskRef, ask: LogAsk): Promise<Outcome<Piece>> {
    const agentId = this.#agentOf(task);
    if (agentId === undefined) return unknownTask(task);
    return this.#link.call(SUBJECTS.logs, { agentId }, { task, ...ask });
  }

  /** The first so many names of a directory. Fails likewise, with `malformed` or `unknownFile`. */
  async list(
    task: TaskRef,
    shownPath: string,
  ): Promise<Outcome<{ readonly items: readonly ListedFile[]; readonly isCut: boolean }>> {
    const path = readName(shownPath);
    if (path === undefined) return malformedPath();
    const answer = await this.#ask(task, { kind: 'list', path, limit: MAX_LISTED });
    if (!answer.ok) return answer;
    if (answer.value.kind !== 'list') return otherAnswer();
    const items = answer.value.entries.map(({ name, kind, size, modifiedMs }) => ({
      ...{ name: showName(name), kind, size, modifiedMs },
    }));
    return succeed({ items, isCut: answer.value.isCut || answer.value.next !== undefined });
  }

  /** Fails likewise. */
  async read(
    task: TaskRef,
    shownPath: string,
    range: { readonly offset: number; readonly maxBytes: number },
  ): Promise<Outcome<Piece>> {
    const path = readName(shownPath);
    if (path === undefined) return malformedPath();
    const answer = await this.#ask(task, { kind: 'read', path, ...range });
    if (!answer.ok) return answer;
    if (answer.value.kind !== 'read') return otherAnswer();
    const { data, offset, size, ended } = answer.value;
    return succeed({ data, offset, size, ended });
  }

  /** Fails with `unknownTask`, or as asking the allocator does. */
  async whyTaskWaits(task: TaskRef): Promise<Outcome<Why>> {
    const { tasks, ended } = this.#live.followed.state;
    const known = tasks.get(taskKey(task)) ?? ended.get(taskKey(task));
    if (known !== undefined) {
      const { state, agentId } = known;
      return succeed({ state, agentId, leftOutAgents: {} });
    }
    const why = await this.whyFrameworkWaits(task);
    return why.ok || why.failure.code !== 'notSubscribed' ? why : unknownTask(task);
  }

  /** Fails with `notSubscribed` where there is no such framework, or as asking the allocator does. */
  async whyFrameworkWaits({ principal, frameworkId }: FrameworkRef): Promise<Outcome<Why>> {
    const framework = { principal, frameworkId };
    const key = frameworkKey(framework);
    if (!this.#live.followed.state.frameworks.has(key))
      return fail('notSubscribed', `there is no framework ${key}`);
    const asked = await this.#link.call(SUBJECTS.explain, {}, { of: 'framework', framework });
    if (!asked.ok) return asked;
    return succeed({ explanation: asked.value, leftOutAgents: this.#leftOut() });
  }

  #leftOut(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const agent of this.#live.followed.state.agents.rows()) {
      const why = whyNotOffered(agent);
      if (why !== undefined && why !== 'gone') counts[why] = (counts[why] ?? 0) + 1;
    }
    return counts;
  }

  async #ask(task: TaskRef, ask: FilesAsk): Promise<Outcome<FilesResult>> {
    const agentId = this.#agentOf(task);
    if (agentId === undefined) return unknownTask(task);
    return this.#link.call(SUBJECTS.files, { agentId }, { task, ask });
  }

  #agentOf(task: TaskRef): AgentId | undefined {
    const { tasks, ended } = this.#live.followed.state;
    return (tasks.get(taskKey(task)) ?? ended.get(taskKey(task)))?.agentId;
  }
}

const unknownTask = (task: TaskRef) =>
  fail('unknownTask', `there is no task ${taskKey(task)}, or it ended longer ago than is kept`);
const malformedPath = () =>
  fail('malformed', 'a backslash in a path must begin \\\\ or \\xNN, as names are listed');
const otherAnswer = () => fail('internalError', 'the agent answered something else');
