// Owns carrying out the calls of Mesos that are about containers: commands that are run beside tasks, their input and output,
// their end, and the tasks themselves.
import { randomNonce } from '@parley/actor/nats/system-clock';
import type { Encoding } from '@parley/mesos-api/codec';
import type { MessageOf } from '@parley/mesos-api/message-types';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type AgentId, type TaskRef, Token, taskKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import { killTask } from '../api/operator-actions.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { Untranslatable } from '../mesos/mesos-values.ts';
import type { AgentCall } from './agent-call.ts';
import { ContainerSession } from './container-session.ts';
import {
  type Container,
  type ContainerId,
  containerOf,
  type Termination,
  terminationOf,
  terminationOfTask,
} from './containers.ts';
import type { ProcessStream } from './process-stream.ts';
import { SessionBook } from './session-book.ts';
import { sessionCommand } from './session-command.ts';
import { InputCalls } from './session-input.ts';
import { attachToTask } from './task-output.ts';

export type AgentResponse = MessageOf<'agent.Response'>;
export type Visit = {
  /** Whose containers are meant; undefined: those of all agents. */
  readonly agentId: AgentId | undefined;
  /** For the log. */
  readonly visitor: string;
  /** Makes the answer a stream. */
  readonly open: () => ProcessStream;
  /** Comes when nobody waits for the answer any more. */
  readonly left: Promise<void>;
};
export type InputVisit = Pick<Visit, 'agentId'> & {
  /** Comes, with the reason, when whoever brings it may not go on. */
  readonly dismissed: Promise<string>;
};
/** What is answered; a number is a status without a body. Undefined: a stream answers already. */
export type Answer = AgentResponse | number | undefined;

type Context = Pick<GatewayContext, 'link' | 'live' | 'logger'>;

const SIGKILL = 9;
const SIGTERM = 15;
/** As Mesos: it is there already, and nothing was begun. */
const ACCEPTED = 202;

export class ContainerDesk {
  readonly #context: Context;
  readonly #book = new SessionBook();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Kills every command that was begun here. */
  close(): Promise<void> {
    return this.#book.killAll();
  }

  /** Ids of the commands that run beside a task. */
  nestedBeside(container: string): string[] {
    const prefix = `${container}/`;
    return this.#book
      .runningIds()
      .filter((id) => id.startsWith(prefix))
      .map((id) => id.slice(prefix.length));
  }

  /** Fails with `unknownTask` where there is no such container, with `unknownVerb` where there cannot be one. */
  carryOut(call: AgentCall, visit: Visit): Promise<Outcome<Answer>> {
    switch (call.type) {
      case 'LAUNCH_NESTED_CONTAINER_SESSION':
        return this.#launch(call.launch_nested_container_session, visit);
      case 'ATTACH_CONTAINER_OUTPUT':
        return this.#attach(call.attach_container_output, visit);
      case 'WAIT_NESTED_CONTAINER':
        return this.#wait(call.wait_nested_container, visit, (termination) => ({
          type: 'WAIT_NESTED_CONTAINER',
          wait_nested_container: termination,
        }));
      case 'WAIT_CONTAINER':
        return this.#wait(call.wait_container, visit, (termination) => ({
          type: 'WAIT_CONTAINER',
          wait_container: termination,
        }));
      case 'KILL_NESTED_CONTAINER':
        return this.#kill(call.kill_nested_container, visit);
      case 'KILL_CONTAINER':
        return this.#kill(call.kill_container, visit);
      case 'REMOVE_NESTED_CONTAINER':
        return this.#remove(call.remove_nested_container, visit);
      case 'REMOVE_CONTAINER':
        return this.#remove(call.remove_container, visit);
      default:
        return Promise.resolve(
          fail('unknownVerb', `The call '${call.type}' has no equal in this cluster`),
        );
    }
  }

  /**
   * ATTACH_CONTAINER_INPUT. Fails likewise, with `malformed`, `tooLarge`, `invalidOperation`: somebody else does so, or
   * `notPermitted`: dismissed.
   */
  feed(
    body: AsyncIterable<Uint8Array>,
    encoding: Encoding,
    { agentId, dismissed }: InputVisit,
  ): Promise<Outcome<Answer>> {
    const calls = new InputCalls(body, encoding);
    const stopped = dismissed.then((why) => {
      calls.stop();
      return fail('notPermitted', why);
    });
    return Promise.race([this.#feed(calls, agentId, stopped), stopped]);
  }

  async #feed(
    calls: InputCalls,
    agentId: AgentId | undefined,
    stopped: Promise<Outcome<never>>,
  ): Promise<Outcome<Answer>> {
    const id = await calls.container();
    if (!id.ok) return id;
    const container = this.#find(id.value, agentId);
    if (container === undefined) return NO_CONTAINER;
    if (container.nested === undefined) {
      return fail('malformed', 'A task takes no input: run a command beside it');
    }
    const session = this.#book.running(container.nested);
    if (session === undefined) return NO_CONTAINER;
    if (!session.takeInput()) {
      return fail('invalidOperation', 'Multiple input connections are not allowed');
    }
    try {
      const over = session.ended.then(() => succeed(undefined));
      const fed = await Promise.race([calls.feed(session), over, stopped]);
      return fed.ok ? succeed(200) : fed;
    } finally {
      session.releaseInput();
    }
  }

  async #launch(
    launch: AgentCall['launch_nested_container_session'],
    { agentId, visitor, open }: Visit,
  ): Promise<Outcome<Answer>> {
    const container = launch && this.#find(launch.container_id, agentId);
    if (launch === undefined || container?.nested === undefined) return NO_CONTAINER;
    const { nested, task } = container;
    if (this.#book.has(nested)) return succeed(ACCEPTED);
    if (this.#book.isFull) {
      return fail('overloaded', 'Too many commands run beside tasks from here; try again later');
    }
    const command = commandOf(launch);
    if (!command.ok) return command;
    const session = this.#sessionOf(container);
    this.#book.add(nested, session);
    this.#context.logger.info({ ...task, visitor }, 'a command is run beside a task over HTTP');
    const begun = await session.begin({ task, ...command.value }, open);
    if (!begun.ok) this.#book.forget(nested);
    return begun;
  }

  #sessionOf({ task, agentId }: Container): ContainerSession {
    const { link } = this.#context;
    const session = Token.parse(randomNonce());
    return new ContainerSession({ task, agentId }, (ask) =>
      link.call(SUBJECTS.exec, { agentId }, { session, ask }),
    );
  }

  async #attach(
    attach: AgentCall['attach_container_output'],
    { agentId, open }: Visit,
  ): Promise<Outcome<Answer>> {
    const container = attach && this.#find(attach.container_id, agentId);
    if (container === undefined) return NO_CONTAINER;
    if (container.nested === undefined) {
      return container.hasEnded ? NO_CONTAINER : attachToTask(this.#context.link, container, open);
    }
    const session = this.#book.running(container.nested);
    if (session === undefined) return NO_CONTAINER;
    session.attach(open());
    return succeed(undefined);
  }

  async #wait(
    wait: { readonly container_id: ContainerId } | undefined,
    { agentId, left }: Visit,
    show: (termination: Termination) => AgentResponse,
  ): Promise<Outcome<Answer>> {
    const container = wait && this.#find(wait.container_id, agentId);
    if (container === undefined) return NO_CONTAINER;
    const termination =
      container.nested === undefined
        ? await this.#endOfTask(container.task, left)
        : await this.#endOfNested(container.nested);
    return termination === undefined ? NO_CONTAINER : succeed(show(termination));
  }

  async #endOfNested(id: string): Promise<Termination | undefined> {
    const outcome = this.#book.outcomeOf(id) ?? (await this.#book.running(id)?.ended);
    return outcome && terminationOf(outcome);
  }

  /** Undefined when whoever asked has left before. */
  async #endOfTask(task: TaskRef, left: Promise<void>): Promise<Termination | undefined> {
    const { live } = this.#context;
    const hasEnded = (): boolean => !live.followed.state.tasks.has(taskKey(task));
    if (!hasEnded()) {
      const end = Promise.withResolvers<void>();
      const stop = live.onEvent(() => {
        if (hasEnded()) end.resolve();
      });
      await Promise.race([end.promise, left]);
      stop();
    }
    return hasEnded() ? terminationOfTask(live.followed.state, task) : undefined;
  }

  async #kill(
    kill: { readonly container_id: ContainerId; readonly signal?: number | undefined } | undefined,
    { agentId, visitor }: Visit,
  ): Promise<Outcome<Answer>> {
    const container = kill && this.#find(kill.container_id, agentId);
    if (kill === undefined || container === undefined) return NO_CONTAINER;
    const { signal = SIGKILL } = kill;
    const { link, logger } = this.#context;
    if (container.nested === undefined) {
      if (container.hasEnded) return NO_CONTAINER;
      if (signal !== SIGKILL && signal !== SIGTERM) return badSignal('SIGKILL or SIGTERM');
      logger.info({ ...container.task, visitor }, 'a task is killed over HTTP');
      const killed = await killTask(link, container.task, signal === SIGKILL ? 0 : undefined);
      return killed.ok ? succeed(200) : killed;
    }
    const session = this.#book.running(container.nested);
    if (session === undefined) return NO_CONTAINER;
    if (signal !== SIGKILL) return badSignal('SIGKILL');
    await session.kill();
    return succeed(200);
  }

  /** Mesos: what is not there is removed. */
  async #remove(
    remove: { readonly container_id: ContainerId } | undefined,
    { agentId }: Visit,
  ): Promise<Outcome<Answer>> {
    const container = remove && this.#find(remove.container_id, agentId);
    if (container === undefined) return succeed(200);
    const isRunning =
      container.nested === undefined
        ? !container.hasEnded
        : this.#book.running(container.nested) !== undefined;
    if (isRunning) return fail('invalidOperation', 'The container has not terminated yet');
    if (container.nested !== undefined) this.#book.forget(container.nested);
    return succeed(200);
  }

  #find(id: ContainerId, agentId: AgentId | undefined): Container | undefined {
    return containerOf(this.#context.live.followed.state, id, agentId);
  }
}

const NO_CONTAINER = fail('unknownTask', 'Container cannot be found');
const badSignal = (which: string) => fail('malformed', `Only ${which} can be sent`);

function commandOf(
  launch: NonNullable<AgentCall['launch_nested_container_session']>,
): Outcome<ReturnType<typeof sessionCommand>> {
  try {
    return succeed(sessionCommand(launch));
  } catch (error) {
    if (error instanceof Untranslatable) return fail('malformed', error.message);
    throw error;
  }
}
