// Owns the shape of the commands that go into a running task. What a command does is in commands/, loaded when run.
import type { Command } from 'commander';
import { agentArgument, countArgument, taskArgument } from './arguments.ts';
import type { ProgramPlace } from './program.ts';

const TASK = 'PRINCIPAL/FRAMEWORK/TASK';
const AGENT = 'where it runs; else the cluster is asked';

export function addTaskExecCommands(task: Command, program: Command, place: ProgramPlace): void {
  const context = (): string | undefined => program.opts()['context'];
  task
    .command('exec')
    .description("run a command in a task's scope and sandbox; leaves with its exit code")
    .argument('<task>', TASK, taskArgument)
    .argument('<command...>', 'after --: program and arguments')
    .option('-i, --interactive', 'what comes in here is its input')
    .option('-t, --tty', 'it has this terminal')
    .option('--agent <id>', AGENT, agentArgument)
    .action(async (ref, argv: string[], options) => {
      const { taskExecCommand } = await import('./commands/task-exec.ts');
      const how = { argv, interactive: options.interactive === true, tty: options.tty === true };
      const address = { task: ref, agent: options.agent };
      process.exitCode = await taskExecCommand(place.surroundings, context(), address, how);
    });
  task
    .command('attach')
    .description(
      'both outputs of a running task as they come; Ctrl-C leaves it, its exit code is passed on',
    )
    .argument('<task>', TASK, taskArgument)
    .option('--tail <lines>', 'begin with the last lines', countArgument(0), 10)
    .option('--agent <id>', AGENT, agentArgument)
    .action(async (ref, options) => {
      const { taskAttachCommand } = await import('./commands/task-attach.ts');
      const address = { task: ref, agent: options.agent };
      process.exitCode = await taskAttachCommand(
        place.surroundings,
        context(),
        address,
        options.tail,
      );
    });
}
