// Owns what a nested container of Mesos is here: a command beside a task, as that task's user, in its sandbox, with its
// environment. Pure; what a command beside a task cannot have throws `Untranslatable`.
import type { ExecAsk } from '@parley/protocol/task-exec';
import { ownCommand } from '../mesos/command-translation.ts';
import type { CommandInfo } from '../mesos/mesos-types.ts';
import { Untranslatable } from '../mesos/mesos-values.ts';
import type { AgentCall } from './agent-call.ts';

type Launch = NonNullable<AgentCall['launch_nested_container_session']>;
type Start = Extract<ExecAsk, { kind: 'start' }>;

/** What a terminal is where the client says no size. */
const DEFAULT_SIZE = { rows: 24, columns: 80 };
/** What Mesos's clients run in, as good as all. */
const TERMINAL = 'xterm';
/** What `env` takes for a variable, and no agent for anything else. */
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/;
/** It has to fit a message of the bus. */
const MAX_COMMAND_BYTES = 256 * 1024;

export function sessionCommand({ command, container }: Launch): Pick<Start, 'argv' | 'terminal'> {
  if (command === undefined) throw new Untranslatable('command: must be there');
  const own = ownCommand(command as CommandInfo, 'command');
  if (own.uris !== undefined) throw new Untranslatable('command.uris: only for a task');
  if (own.user !== undefined) {
    throw new Untranslatable('command.user: it runs as the user of its task');
  }
  const { argv, environment = {} } = own.command;
  const terminal = terminalOf(container);
  const words = [...withVariables(environment), ...argv];
  if (Buffer.byteLength(words.join(' ')) > MAX_COMMAND_BYTES) {
    throw new Untranslatable(`command: at most ${MAX_COMMAND_BYTES} bytes, variables included`);
  }
  return { argv: words, ...(terminal && { terminal }) };
}

function withVariables(environment: Readonly<Record<string, string>>): string[] {
  const variables = Object.entries(environment).map(([name, value]) => {
    if (VARIABLE.test(name)) return `${name}=${value}`;
    throw new Untranslatable('command.environment: a name is of letters, digits and _');
  });
  return variables.length === 0 ? [] : ['env', ...variables];
}

/** Undefined: it has none. */
function terminalOf(container: Launch['container']): Start['terminal'] {
  if (container === undefined) return undefined;
  const { type, tty_info, ...others } = container;
  const isMore = Object.values(others).some(
    (value) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  if (type !== 'MESOS' || isMore) {
    throw new Untranslatable('container: beside a task it can have a terminal, and nothing else');
  }
  if (tty_info === undefined) return undefined;
  return { ...(tty_info.window_size ?? DEFAULT_SIZE), type: TERMINAL };
}
