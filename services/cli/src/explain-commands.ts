// Owns the shape of `parley explain`. What it does is in commands/explain.ts, loaded when run.
import type { Command } from 'commander';
import { frameworkArgument, roleArgument, taskArgument } from './arguments.ts';
import { jsonOption } from './command-options.ts';
import type { ProgramPlace } from './program.ts';

export function addExplainCommands(program: Command, place: ProgramPlace): void {
  const context = (): string | undefined => program.opts()['context'];
  const explain = program
    .command('explain')
    .description('why somebody is not offered what it wants: framework, role, task');
  explain
    .command('framework')
    .description('its place by its share, what holds it up, why agents do not suit its needs')
    .argument('<framework>', 'PRINCIPAL/FRAMEWORK', frameworkArgument)
    .addOption(jsonOption())
    .action(async (framework, options) => {
      const { explainFrameworkCommand } = await import('./commands/explain.ts');
      await explainFrameworkCommand(place.surroundings, context(), framework, isJson(options));
    });
  explain
    .command('role')
    .description(
      'its place by its share, its quota, how each framework in it and below it stands, and what for',
    )
    .argument('<role>', 'such as eng/ads', roleArgument)
    .addOption(jsonOption())
    .action(async (role, options) => {
      const { explainRoleCommand } = await import('./commands/explain.ts');
      await explainRoleCommand(place.surroundings, context(), role, isJson(options));
    });
  explain
    .command('task')
    .description('where it is; of one that is not launched, what its framework waits for')
    .argument('<task>', 'PRINCIPAL/FRAMEWORK/TASK', taskArgument)
    .addOption(jsonOption())
    .action(async (task, options) => {
      const { explainTaskCommand } = await import('./commands/explain.ts');
      await explainTaskCommand(place.surroundings, context(), task, isJson(options));
    });
}

const isJson = (options: { readonly json?: true }): boolean => options.json === true;
