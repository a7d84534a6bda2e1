// Owns the shape of the command line: commands, options, help. What a command does is in commands/, loaded when run.
import { Command, Option } from 'commander';
import {
  agentArgument,
  clusterArgument,
  countArgument,
  durationArgument,
  intervalArgument,
  isOperatorVerb,
  OPERATOR_VERBS,
  percentArgument,
  principalArgument,
  taskArgument,
} from './arguments.ts';
import { CommandFailure, EXIT } from './command-failure.ts';
import { jsonOption, yesOption } from './command-options.ts';
import type { Surroundings } from './config.ts';
import { addExplainCommands } from './explain-commands.ts';
import { addGatewayCommands } from './gateway-commands.ts';
import { ISOLATION_CHOICES } from './local-cluster/isolation-choice.ts';
import { LOG_LEVELS } from './log-levels.ts';
import { addMaintenanceCommands } from './maintenance-commands.ts';
import { addAgentCommands, addFrameworkCommands, addMasterCommands } from './operator-commands.ts';
import { addReplayCommands } from './replay-commands.ts';
import { addMemberCommands, addSetUpCommands } from './set-up-commands.ts';
import { addSharingCommands } from './sharing-commands.ts';
import { addTaskExecCommands } from './task-exec-commands.ts';
import { addTaskFileCommands } from './task-file-commands.ts';
import { addTopCommand } from './top-command.ts';

export type ProgramPlace = { readonly surroundings: Surroundings; readonly mainFile: string };

export function buildProgram(place: ProgramPlace): Command {
  const program = new Command('parley')
    .description('Shares the machines of a cluster between frameworks, over NATS.')
    .option('--context <name>', 'the cluster to talk to; else the one that runs')
    .exitOverride()
    .showHelpAfterError('(see parley --help)')
    .enablePositionalOptions()
    .configureHelp({ sortSubcommands: false });
  addLocalCommands(program, place);
  addReadingCommands(program, place);
  addTopCommand(program, place);
  addFrameworkCommands(program, place);
  addSharingCommands(program, place);
  addTaskCommands(program, place);
  addMaintenanceCommands(program, place);
  addExplainCommands(program, place);
  addReplayCommands(program, place);
  addRunCommand(program, place);
  addServiceCommands(program, place);
  addMemberCommands(program, place);
  addSetUpCommands(program, place);
  return program;
}

function addLocalCommands(program: Command, place: ProgramPlace): void {
  program
    .command('start')
    .description('start a cluster on this host and let two frameworks share it (npm start)')
    .option('--input <dir>', 'count the words of every regular file below this folder')
    .option('--output <file>', 'write all counts as word<TAB>count lines')
    .option('--exit', 'do not wait for Enter at the end')
    .option('--keep', 'leave the cluster running')
    .option(
      '--kill-leader',
      'kill the leading master half-way (kill -9) and say how long nobody led',
    )
    .option('--name <cluster>', 'name of the cluster (else local, local-2 ...)', clusterArgument)
    .addOption(
      new Option('--isolation <how>', 'how tasks are confined')
        .choices(ISOLATION_CHOICES)
        .default('auto'),
    )
    .option('--authorization <file>', 'rules of who may do what (infra/docs/authorization.md)')
    .option(
      '--offer-timeout <time>',
      'until an unanswered offer is taken back (else 10s)',
      durationArgument,
    )
    .option(
      '--outstanding-cap <percent>',
      'of the cluster, what unanswered offers of one framework may hold (else 50)',
      percentArgument,
    )
    .option(
      '--allocation-interval <time>',
      'from the first news to the run of the allocator that takes in all of them, up to 10s (else 0ms)',
      intervalArgument,
    )
    .action(async (options) => {
      const { startCommand } = await import('./commands/start.ts');
      process.exitCode = await startCommand(place, options);
    });
  program
    .command('stop')
    .description('stop a cluster of this host that was kept')
    .option('--name <cluster>', 'the cluster; else the one that runs', clusterArgument)
    .action(async (options) => {
      const { stopCommand } = await import('./commands/stop.ts');
      await stopCommand(place.surroundings, options.name ?? program.opts()['context']);
    });
  program.command('keep-cluster', { hidden: true }).action(async () => {
    const { keepClusterCommand } = await import('./commands/keep-cluster.ts');
    await keepClusterCommand(place.surroundings);
  });
  program
    .command('context')
    .description('the clusters that this clone knows')
    .command('list')
    .addOption(jsonOption())
    .action(async (options) => {
      const { contextListCommand } = await import('./commands/context.ts');
      await contextListCommand(place.surroundings, options.json === true);
    });
}

function addReadingCommands(program: Command, place: ProgramPlace): void {
  const context = (): string | undefined => program.opts()['context'];
  program
    .command('status')
    .description('leader, agents, frameworks with their shares, tasks, offers, metrics')
    .addOption(jsonOption())
    .action(async (options) => {
      const { statusCommand } = await import('./commands/status.ts');
      await statusCommand(place.surroundings, context(), options.json === true);
    });
  program
    .command('logs <service>')
    .description(
      'the log of a service of a local cluster: master-1, allocator-2, agent-2, keeper ...',
    )
    .option('-f, --follow', 'go on as it grows')
    .addOption(jsonOption())
    .action(async (service: string, options) => {
      const { logsCommand } = await import('./commands/logs.ts');
      const how = { follow: options.follow === true, json: options.json === true };
      await logsCommand(place.surroundings, context(), service, how);
    });
  program
    .command('log-level <service>')
    .description("change a service's log level while it runs")
    .argument('<level>', LOG_LEVELS.join(', '))
    .addOption(jsonOption())
    .action(async (service: string, level: string, options) => {
      const { logLevelCommand } = await import('./commands/log-level.ts');
      const how = { service, level, json: options.json === true };
      await logLevelCommand(place.surroundings, context(), how);
    });
}

function addTaskCommands(program: Command, place: ProgramPlace): void {
  const context = (): string | undefined => program.opts()['context'];
  const task = program
    .command('task')
    .description('tasks: list, inspect, logs, files, exec, attach, kill');
  task
    .command('list')
    .description('live tasks, and with --all those that ended lately')
    .option('--all', 'ended ones too')
    .addOption(jsonOption())
    .action(async (options) => {
      const { taskListCommand } = await import('./commands/lists.ts');
      const how = { all: options.all === true, json: options.json === true };
      await taskListCommand(place.surroundings, context(), how);
    });
  task
    .command('inspect')
    .description('one task: its state, and why it ended')
    .argument('<task>', 'PRINCIPAL/FRAMEWORK/TASK', taskArgument)
    .addOption(jsonOption())
    .action(async (ref, options) => {
      const { taskInspectCommand } = await import('./commands/task-inspect.ts');
      await taskInspectCommand(place.surroundings, context(), ref, options.json === true);
    });
  task
    .command('logs')
    .description('what a task has written')
    .argument('<task>', 'PRINCIPAL/FRAMEWORK/TASK', taskArgument)
    .option('-f, --follow', 'go on until the task has ended')
    .option('--stderr', 'its stderr in place of its stdout')
    .option('--tail <lines>', 'begin with the last lines', countArgument(0))
    .option('--agent <id>', 'where it ran, when the cluster has forgotten the task', agentArgument)
    .action(async (ref, options) => {
      const { taskLogsCommand } = await import('./commands/task-logs.ts');
      const how = {
        follow: options.follow === true,
        stderr: options.stderr === true,
        tail: options.tail,
      };
      const address = { task: ref, agent: options.agent };
      await taskLogsCommand(place.surroundings, context(), address, how);
    });
  task
    .command('kill')
    .description('stop a task of any framework')
    .argument('<task>', 'PRINCIPAL/FRAMEWORK/TASK', taskArgument)
    .option('--grace <time>', 'between asking and killing, such as 5s', durationArgument)
    .option('--no-wait', 'do not wait for its end')
    .addOption(yesOption())
    .addOption(jsonOption())
    .action(async (ref, options) => {
      const { taskKillCommand } = await import('./commands/task-kill.ts');
      const how = {
        graceMs: options.grace,
        wait: options.wait !== false,
        yes: options.yes === true,
        json: options.json === true,
      };
      await taskKillCommand(place.surroundings, context(), ref, how);
    });
  addTaskFileCommands(task, program, place);
  addTaskExecCommands(task, program, place);
}

function addRunCommand(program: Command, place: ProgramPlace): void {
  program
    .command('run')
    .description('run a command as tasks of the batch framework; leaves with its exit code')
    .option('--instances <n>', 'how many times', countArgument(1), 1)
    .option('--cpus <n>', 'CPUs of a task', '0.1')
    .option('--mem <size>', 'memory of a task, such as 32MiB', '32MiB')
    .option('--role <role>', 'role to use; else the one named like the principal')
    .option('--principal <name>', 'whose credential to use', principalArgument)
    .option('--creds <file>', 'a credential file, in place of a principal of this clone')
    .argument('<command...>', 'after --: program and arguments')
    .passThroughOptions()
    .action(async (argv: string[], options) => {
      const { runCommand } = await import('./commands/run.ts');
      process.exitCode = await runCommand(place.surroundings, program.opts()['context'], {
        ...options,
        argv,
      });
    });
}

function addServiceCommands(program: Command, place: ProgramPlace): void {
  const describe = {
    master:
      'run a master (--nats URL --creds FILE --cluster NAME); for operators: master list, step-down (master list --help)',
    allocator: 'run an allocator (likewise)',
    agent:
      'run an agent (likewise); for operators: agent list, deactivate, drain, reactivate, gone (agent list --help)',
    gateway:
      'run a gateway: HTTP for people and for Mesos frameworks; who may sign in there: gateway user (gateway user --help)',
  } as const;
  const operatorCommands = {
    master: addMasterCommands,
    agent: addAgentCommands,
    gateway: addGatewayCommands,
  };
  for (const name of ['master', 'allocator', 'agent', 'gateway'] as const) {
    program
      .command(name)
      .description(describe[name])
      .helpOption(false)
      .allowUnknownOption()
      .passThroughOptions()
      .argument('[arguments...]')
      .action(async (words: string[]) => {
        if (name !== 'allocator' && isOperatorVerb(name, words[0])) {
          const operators = operatorCommands[name](new Command(`parley ${name}`), program, place);
          await operators.exitOverride().parseAsync(words, { from: 'user' });
          return;
        }
        refuseUnknownVerb(name, words[0]);
        const { becomeService } = await import('./commands/become-service.ts');
        becomeService(place.surroundings.clone, name, words);
      });
  }
}

/** A service takes options only: a word in front is a verb, and perhaps mistyped. */
function refuseUnknownVerb(name: keyof typeof OPERATOR_VERBS, word: string | undefined): void {
  if (word === undefined || word.startsWith('-')) return;
  const verbs = OPERATOR_VERBS[name].join(', ');
  throw new CommandFailure(EXIT.usage, {
    what: `there is no "parley ${name} ${word}"`,
    why: verbs === '' ? `${name} takes options only` : `for operators there are: ${verbs}`,
    remedy: `see "parley ${name}${OPERATOR_VERBS[name].map((verb) => ` ${verb}`)[0] ?? ''} --help"; "parley ${name} --creds FILE ..." runs one`,
  });
}
