// Owns which lines tell the life of a task with its causes: what was offered and accepted for it, each of its states, who
// wanted it killed or taken back, and what befell its agent, its framework and the leader while it lived. Lines come in
// order, all of them; one sentence each is kept.
import { frameworkKey, type TaskRef, taskKey } from '@parley/protocol/ids';
import type { ReplayLine } from '@parley/protocol/replay';
import { namesTask } from './line-filter.ts';

export type StoryLine = Pick<ReplayLine, 'sequence' | 'storedMs' | 'text'>;

const TERMINAL = ['finished', 'failed', 'killed', 'error', 'dropped', 'gone'];
/** Told of the task's agent. */
const AGENT_LINES: ReadonlySet<string> = new Set([
  'agentUnreachable',
  'agentRegistered',
  'agentGone',
  'agentDeactivated',
  'agentDraining',
  'agentDrained',
  'agentReactivated',
  'maintenanceChanged',
  'operatorAgent',
]);
/** Told of the task's framework. */
const FRAMEWORK_LINES: ReadonlySet<string> = new Set([
  'frameworkDisconnected',
  'frameworkSubscribed',
  'frameworkRemoved',
  'teardown',
  'operatorTeardown',
]);
/** They name the task and change nothing about it, or an event of the same entry tells more. */
const UNTOLD: ReadonlySet<string> = new Set(['reconcile', 'revocations']);

export class TaskStory {
  readonly #task: TaskRef;
  readonly #framework: string;
  readonly #lines: StoryLine[] = [];
  /** Of the framework, that are outstanding, by id. */
  readonly #offers = new Map<string, ReplayLine>();
  /** Updates of the task in the entry under way: the change of state that one makes tells the same. */
  #updates: ReplayLine[] = [];
  #agent: string | undefined;
  #state: string | undefined;
  #isBegun = false;

  constructor(task: TaskRef) {
    this.#task = task;
    this.#framework = frameworkKey(task);
  }

  /** Its last state that is known; undefined when nothing was told of it. */
  get state(): string | undefined {
    return this.#state;
  }

  get agent(): string | undefined {
    return this.#agent;
  }

  get isOver(): boolean {
    return TERMINAL.includes(this.#state ?? '');
  }

  /** The launch is in it, so nothing is missing before. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** So far. */
  lines(): readonly StoryLine[] {
    this.#flush();
    return this.#lines;
  }

  add(line: ReplayLine): void {
    if (this.#updates[0] !== undefined && this.#updates[0].sequence !== line.sequence)
      this.#flush();
    if (namesTask(line, this.#task)) this.#ofTask(line);
    else if (this.#isOfFramework(line) && line.offers.length > 0) this.#ofOffer(line);
    else if (this.#befalls(line)) this.#tell(line);
  }

  #ofTask(line: ReplayLine): void {
    if (line.part === 'input') this.#asked(line);
    else if (line.part === 'event' && line.kind === 'taskStateChanged') this.#changed(line);
    else this.#tell(line);
  }

  #asked(line: ReplayLine): void {
    if (UNTOLD.has(line.kind)) return;
    if (line.kind === 'accept') this.#accepted(line);
    else if (line.kind === 'updates') this.#updates.push(line);
    else if (line.kind === 'register') {
      this.#tell(
        line,
        `agent ${line.agents[0]} registers anew and names task ${taskKey(this.#task)}`,
      );
    } else this.#tell(line);
  }

  #accepted(line: ReplayLine): void {
    this.#isBegun = true;
    for (const offerId of line.offers) {
      const made = this.#offers.get(offerId);
      if (made !== undefined) this.#tell(made);
    }
    this.#tell(line);
  }

  #changed(line: ReplayLine): void {
    const to = stateIn(line);
    this.#updates = this.#updates.filter((update) => stateIn(update) !== to);
    this.#state = to;
    this.#agent = line.agents[0];
    this.#tell(line);
  }

  #ofOffer(line: ReplayLine): void {
    const [offerId] = line.offers;
    if (offerId === undefined || line.part !== 'event') return;
    if (line.kind === 'offerMade') this.#offers.set(offerId, line);
    else this.#offers.delete(offerId);
  }

  /** It is about something that the task depends on, and the task lives. */
  #befalls(line: ReplayLine): boolean {
    if (this.#state === undefined || this.isOver) return false;
    if (line.part === 'event' && line.kind === 'termStarted') return true;
    if (AGENT_LINES.has(line.kind)) return line.agents.some((agentId) => agentId === this.#agent);
    return FRAMEWORK_LINES.has(line.kind) && this.#isOfFramework(line);
  }

  #isOfFramework({ frameworks }: ReplayLine): boolean {
    return frameworks.some((framework) => frameworkKey(framework) === this.#framework);
  }

  /** Updates that changed no state: repeated ones, a new result of a check. */
  #flush(): void {
    const left = this.#updates;
    this.#updates = [];
    for (const line of left) this.#tell(line, `${line.text}, which changes nothing`);
  }

  #tell({ sequence, storedMs, text }: ReplayLine, words = text): void {
    this.#lines.push({ sequence, storedMs, text: words });
  }
}

/** Of an update, or of a change of state. Lines may come from a master of another release. */
function stateIn({ detail }: ReplayLine): string | undefined {
  if (typeof detail !== 'object' || detail === null) return undefined;
  const state = 'to' in detail ? detail.to : 'state' in detail ? detail.state : undefined;
  return typeof state === 'string' ? state : undefined;
}
