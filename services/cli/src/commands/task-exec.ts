// Owns `parley task exec`: a command in a task's scope, with this terminal as its own where that is wanted. It leaves with
// the command's exit code.
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import {
  cutOffWords,
  type ExecCall,
  ExecClient,
  type ExecOutcome,
} from '@parley/operator-sdk/exec-session';
import { taskKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TerminalSize } from '@parley/protocol/task-exec';
import { unreachable } from '@parley/protocol/unreachable';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import { type Surroundings, terminalType } from '../config.ts';
import { randomToken } from '../effects.ts';
import { writeOut } from '../standard-output.ts';
import { type ReachedTask, type TaskAddress, withTask } from '../task-reach.ts';

const SILENT_AGENT_REMEDY =
  'see "parley agent list"; a command does not outlive its agent: begin it again when that is back';

export type TaskExecHow = {
  readonly argv: readonly string[];
  /** Whether what comes in here is its input. */
  readonly interactive: boolean;
  /** Whether it has a terminal. */
  readonly tty: boolean;
};

/** The exit code of the command; 128 and the number of the signal that killed it. */
export async function taskExecCommand(
  surroundings: Surroundings,
  named: string | undefined,
  address: TaskAddress,
  how: TaskExecHow,
): Promise<number> {
  if (how.tty && !process.stdout.isTTY) {
    throw new CommandFailure(EXIT.usage, {
      what: 'there is no terminal to be passed on',
      why: '-t is for commands that are typed at one',
      remedy: 'leave -t out; -i alone passes input on',
    });
  }
  return withTask(surroundings, named, address, (reached) => execute(reached, how));
}

async function execute(reached: ReachedTask, how: TaskExecHow): Promise<number> {
  const { task } = reached;
  const call = sessionCall(reached);
  const client = new ExecClient({
    call,
    input: how.interactive ? process.stdin : nothing(),
    write: (stream, data) => writeOut(data, process[stream]),
    pause: (durationMs) => delay(durationMs),
  });
  const interruption = { happened: false };
  const release = how.tty
    ? passTerminalOn(client, how.interactive)
    : endOnInterrupt(call, interruption);
  try {
    const terminal = { ...sizeOf(process.stdout), type: terminalType() };
    const start = { task, argv: [...how.argv], ...(how.tty && { terminal }) };
    const outcome = await client.run(start);
    if (interruption.happened) return 128 + constants.signals.SIGINT;
    if (outcome.ok) return exitCodeOf(reached, outcome.value);
    throw failureFromCluster(`no command can be run beside ${taskKey(task)}`, outcome.failure);
  } finally {
    release();
    // Else a terminal that nobody types at any more would keep this process.
    process.stdin.destroy();
  }
}

function sessionCall({ link, agentId }: ReachedTask): ExecCall {
  const session = randomToken();
  return (ask) => link.call(SUBJECTS.exec, { agentId }, { session, ask });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Every key goes to the command, also those that end or stop one here. */
function passTerminalOn(client: ExecClient, isInteractive: boolean): () => void {
  const resize = (): void => void client.resize(sizeOf(process.stdout));
  process.stdout.on('resize', resize);
  const isRaw = isInteractive && process.stdin.isTTY;
  if (isRaw) process.stdin.setRawMode(true);
  return () => {
    process.stdout.off('resize', resize);
    if (isRaw) process.stdin.setRawMode(false);
  };
}

/** Who interrupts the client ends the command. */
function endOnInterrupt(call: ExecCall, interruption: { happened: boolean }): () => void {
  const end = (): void => {
    interruption.happened = true;
    void call({ kind: 'end' });
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}

const sizeOf = ({ rows, columns }: NodeJS.WriteStream): TerminalSize => ({
  rows: rows > 0 ? rows : 24,
  columns: columns > 0 ? columns : 80,
});

function exitCodeOf({ task, agentId }: ReachedTask, outcome: ExecOutcome): number {
  switch (outcome.kind) {
    case 'exited':
      return outcome.code;
    case 'signaled':
      return 128 + (signalNumbers[outcome.signal] ?? 0);
    case 'notStarted':
      throw new CommandFailure(EXIT.failed, {
        what: `the command was not begun beside ${taskKey(task)}`,
        why: outcome.message,
        remedy: 'does the task still run? See "parley task list"',
      });
    case 'lost':
      throw new CommandFailure(EXIT.failed, {
        what: `the command beside ${taskKey(task)} was ended`,
        why: `its agent ${agentId} was started anew, heard nothing from here for 15 s, or was told to end it`,
        remedy: 'begin it again',
      });
    case 'cutOff': {
      const { failure } = outcome;
      const what = `the command beside ${taskKey(task)} ${cutOffWords(failure, agentId)}`;
      const remedy = failure.code === 'unavailable' ? SILENT_AGENT_REMEDY : 'begin it again';
      throw failureFromCluster(what, failure, { remedy });
    }
    default:
      return unreachable(outcome);
  }
}

const signalNumbers: Readonly<Record<string, number>> = constants.signals;
