// Owns making lines of a replayed entry: first what was left out and the inputs, in order, then the orders and events that
// came of them. It remembers the orders that no agent has answered yet, so that an answer tells what it is about.
import type { ClusterState } from '@parley/cluster/cluster-state';
import type { ClusterEvent } from '@parley/cluster/events';
import { type Caller, Input, type Order } from '@parley/cluster/inputs';
import type { RequestId } from '@parley/protocol/envelope';
import { taskKey } from '@parley/protocol/ids';
import type { Answer } from '@parley/protocol/message';
import type { ReplayLine, ReplayPart } from '@parley/protocol/replay';
import type { StatusUpdate } from '@parley/protocol/tasks';
import { describeCall } from './call-sentences.ts';
import type { ReplayedEntry } from './cursor.ts';
import { describeEvent } from './event-sentences.ts';
import { describeInput, type Told } from './input-sentences.ts';
import { describeOrder } from './order-sentences.ts';

/** What is said of one input or effect, before it is numbered. */
type Draft = Told & Pick<ReplayLine, 'part' | 'kind' | 'index'>;

export class LineMaker {
  readonly #orders = new Map<string, Order>();

  /** `state`: before the first entry that lines are made of. */
  constructor(state: ClusterState) {
    for (const { order } of state.orders.rows()) this.#orders.set(order.orderId, order);
  }

  linesOf(entry: ReplayedEntry): ReplayLine[] {
    const { sequence, storedMs, context } = entry;
    const inputs = this.#inputs(entry);
    const effects = this.#effects(entry);
    return [...inputs, ...effects].map(
      ({ text, detail, agents = [], frameworks = [], tasks = [], offers = [], ...draft }) => ({
        ...{ sequence, index: draft.index, storedMs, coreTimeMs: context.coreTimeMs },
        ...{ part: draft.part, kind: draft.kind, text },
        ...{ agents: [...agents], frameworks: [...frameworks] },
        ...{ tasks: [...tasks], offers: [...offers], detail },
      }),
    );
  }

  #inputs({ inputs, skipped, effects }: ReplayedEntry): Draft[] {
    const answers = answersOf(effects);
    const whyLeftOut = new Map(skipped.map(({ index, why }) => [index, why]));
    const drafts: Draft[] = [];
    for (const index of whyLeftOut.keys()) {
      if (index >= 0 && index < inputs.length) continue;
      const text = `what the entry as a whole does was left out by every master: ${whyLeftOut.get(index)}`;
      drafts.push({ part: 'skipped', kind: 'entry', index, text, detail: undefined });
    }
    for (const [index, raw] of inputs.entries()) {
      const why = whyLeftOut.get(index);
      const parsed = Input.safeParse(raw);
      if (why !== undefined)
        drafts.push(leftOut({ index, raw, why, told: this.#told(parsed.data) }));
      else if (parsed.success) {
        const part: ReplayPart = 'input';
        const kind = kindOf(parsed.data);
        for (const told of this.#told(parsed.data, answers))
          drafts.push({ ...told, part, kind, index });
      }
    }
    return drafts;
  }

  #told(input: Input | undefined, answers?: ReadonlyMap<string, Answer>): Told[] {
    if (input === undefined) return [];
    if (input.kind === 'call') {
      const answer = answers?.get(requestKey(input.caller, input.request));
      return [{ ...describeCall(input, answer), detail: withAnswer(input, answer) }];
    }
    if (input.kind !== 'orderAnswered') return describeInput(input, undefined);
    const order = this.#orders.get(input.orderId);
    this.#orders.delete(input.orderId);
    return describeInput(input, order);
  }

  #effects({ effects, inputs }: ReplayedEntry): Draft[] {
    const updates = new UpdatesOf(inputs);
    const drafts: Draft[] = [];
    for (const [index, effect] of effects.entries()) {
      if (effect.kind === 'order') {
        const { order } = effect;
        this.#orders.set(order.orderId, order);
        drafts.push({
          ...describeOrder(order),
          part: 'order',
          kind: order.kind,
          index,
          detail: order,
        });
      } else if (effect.kind === 'event') {
        const { event } = effect;
        const told = describeEvent(event, updates.behind(event));
        drafts.push({ ...told, part: 'event', kind: event.type, index, detail: event });
      }
    }
    return drafts;
  }
}

/** The updates of an entry by task, read only where an event asks. */
class UpdatesOf {
  readonly #inputs: readonly unknown[];
  #byTask: Map<string, StatusUpdate[]> | undefined;

  constructor(inputs: readonly unknown[]) {
    this.#inputs = inputs;
  }

  /** The update that brought the task into its state; undefined where it was something else. */
  behind(event: ClusterEvent): StatusUpdate | undefined {
    if (event.type !== 'taskStateChanged') return undefined;
    this.#byTask ??= this.#read();
    return this.#byTask.get(taskKey(event.task))?.find(({ state }) => state === event.to);
  }

  #read(): Map<string, StatusUpdate[]> {
    const all = this.#inputs.flatMap((raw) => {
      const input = Input.safeParse(raw);
      if (!input.success || input.data.kind !== 'updates') return [];
      return input.data.updates.map(({ update }) => update);
    });
    return Map.groupBy(all, ({ task }) => taskKey(task));
  }
}

/** The verb of a call, the kind of any other input. */
const kindOf = (input: Input): string => (input.kind === 'call' ? input.call.verb : input.kind);

const withAnswer = (input: Input, answer: Answer | undefined): unknown =>
  answer === undefined ? input : { ...input, answer };

function leftOut({
  index,
  raw,
  why,
  told,
}: {
  readonly index: number;
  readonly raw: unknown;
  readonly why: string;
  readonly told: readonly Told[];
}): Draft {
  const was = told.length === 0 ? 'it is no input' : told.map(({ text }) => text).join('; ');
  const input = Input.safeParse(raw);
  return {
    part: 'skipped',
    kind: input.success ? kindOf(input.data) : 'unknown',
    index,
    text: `left out by every master: ${why} (${was})`,
    agents: told.flatMap(({ agents = [] }) => agents),
    frameworks: told.flatMap(({ frameworks = [] }) => frameworks),
    tasks: told.flatMap(({ tasks = [] }) => tasks),
    offers: told.flatMap(({ offers = [] }) => offers),
    detail: raw,
  };
}

function answersOf(effects: ReplayedEntry['effects']): Map<string, Answer> {
  const answers = new Map<string, Answer>();
  for (const effect of effects) {
    if (effect.kind !== 'answer') continue;
    answers.set(requestKey(effect.caller, effect.request), effect.answer);
  }
  return answers;
}

const requestKey = (caller: Caller, { session, counter }: RequestId): string => {
  switch (caller.kind) {
    case 'framework':
      return `framework/${caller.principal}/${caller.frameworkId}#${session}#${counter}`;
    case 'agent':
      return `agent/${caller.agentId}#${session}#${counter}`;
    case 'operator':
      return `operator/${caller.operator}#${session}#${counter}`;
  }
};
