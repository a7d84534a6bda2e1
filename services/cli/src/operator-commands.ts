// Owns the shape of the commands by which operators look at and intervene in frameworks and agents. What a command does
// is in commands/, loaded when run.
import type { Command } from 'commander';
import { agentArgument, durationArgument, frameworkArgument } from './arguments.ts';
import { jsonOption, yesOption } from './command-options.ts';
import type { ProgramPlace } from './program.ts';

export function addFrameworkCommands(program: Command, place: ProgramPlace): void {
  const context = (): string | undefined => program.opts()['context'];
  const framework = program
    .command('framework')
    .description('frameworks of the cluster: list, inspect, teardown');
  framework
    .command('list')
    .description('who is subscribed, with shares, offers and tasks')
    .addOption(jsonOption())
    .action(async (options) => {
      const { frameworkListCommand } = await import('./commands/lists.ts');
      await frameworkListCommand(place.surroundings, context(), options.json === true);
    });
  framework
    .command('inspect')
    .description('all about one framework: demand, offers, why it declines, its report card')
    .argument('<framework>', 'PRINCIPAL/FRAMEWORK', frameworkArgument)
    .addOption(jsonOption())
    .action(async (ref, options) => {
      const { frameworkInspectCommand } = await import('./commands/framework-inspect.ts');
      await frameworkInspectCommand(place.surroundings, context(), ref, options.json === true);
    });
  framework
    .command('teardown')
    .description('end a framework and kill its tasks; its id is not used again')
    .argument('<framework>', 'PRINCIPAL/FRAMEWORK', frameworkArgument)
    .option('--no-wait', 'do not wait until its tasks are gone')
    .addOption(yesOption())
    .addOption(jsonOption())
    .action(async (ref, options) => {
      const { frameworkTeardownCommand } = await import('./commands/framework-teardown.ts');
      const how = {
        wait: options.wait !== false,
        yes: options.yes === true,
        json: options.json === true,
      };
      await frameworkTeardownCommand(place.surroundings, context(), ref, how);
    });
}

/** `agent` itself runs an agent: these are the words behind it that are for operators. */
export function addAgentCommands(agent: Command, program: Command, place: ProgramPlace): Command {
  const context = (): string | undefined => program.opts()['context'];
  agent
    .command('list')
    .description('agents of the cluster, with what they have and what is allocated')
    .addOption(jsonOption())
    .action(async (options) => {
      const { agentListCommand } = await import('./commands/lists.ts');
      await agentListCommand(place.surroundings, context(), options.json === true);
    });
  const changes = {
    deactivate: 'offer nothing more of it; its tasks go on',
    drain: 'offer nothing more of it and stop its tasks; done when nothing runs on it any more',
    reactivate: 'offer it again',
    gone: 'give it up for good: its tasks are gone, and it is refused if it comes back',
  } as const;
  for (const change of ['deactivate', 'drain', 'reactivate', 'gone'] as const) {
    const command = agent
      .command(change)
      .description(changes[change])
      .argument('<agent>', 'its id, as "parley agent list" prints it', agentArgument)
      .addOption(jsonOption());
    if (change === 'gone' || change === 'drain') command.addOption(yesOption());
    if (change === 'drain') addDrainOptions(command);
    command.action(async (agentId, options) => {
      const { agentChangeCommand } = await import('./commands/agent-change.ts');
      const how = {
        yes: options.yes === true,
        json: options.json === true,
        wait: options.wait !== false,
        marksGone: options.markGone === true,
        ...(options.grace !== undefined && { graceMs: options.grace }),
        ...(options.reason !== undefined && { reason: options.reason }),
      };
      await agentChangeCommand(place.surroundings, context(), { agentId, change, ...how });
    });
  }
  return agent;
}

function addDrainOptions(drain: Command): void {
  drain
    .option('--reason <text>', 'shown wherever it is asked why')
    .option(
      '--grace <time>',
      "between asking a task to stop and killing it, such as 30s; else each task's own",
      durationArgument,
    )
    .option('--mark-gone', 'give it up for good once nothing runs on it any more')
    .option('--no-wait', 'do not wait until nothing runs on it any more');
}

/** As `agent`: behind `master` these words are for operators. */
export function addMasterCommands(master: Command, program: Command, place: ProgramPlace): Command {
  const context = (): string | undefined => program.opts()['context'];
  master
    .command('list')
    .description('who leads, who stands by, how far behind, and of which version')
    .addOption(jsonOption())
    .action(async (options) => {
      const { masterListCommand } = await import('./commands/masters.ts');
      await masterListCommand(place.surroundings, context(), options.json === true);
    });
  master
    .command('step-down')
    .description('let the leader hand over to a master that stands by')
    .addOption(jsonOption())
    .action(async (options) => {
      const { stepDownCommand } = await import('./commands/masters.ts');
      await stepDownCommand(place.surroundings, context(), options.json === true);
    });
  return master;
}
