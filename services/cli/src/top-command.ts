// Owns the shape of `parley top`. What it does is in commands/top.ts.
import { type Command, Option } from 'commander';
import { agentArgument } from './arguments.ts';
import { jsonOption } from './command-options.ts';
import type { ProgramPlace } from './program.ts';
import { USAGE_ORDERS } from './usage-board.ts';

export function addTopCommand(program: Command, place: ProgramPlace): void {
  program
    .command('top')
    .description('what tasks use, as the kernel counts it: CPU, memory, IO, processes')
    .addOption(
      new Option('--sort <by>', 'what is most stands first').choices(USAGE_ORDERS).default('cpu'),
    )
    .option('--agent <id>', 'of this agent only', agentArgument)
    .option('--framework <id>', 'of this framework only: FRAMEWORK or PRINCIPAL/FRAMEWORK')
    .option('--once', 'one look and no more')
    .addOption(jsonOption())
    .action(async (options) => {
      const { topCommand } = await import('./commands/top.ts');
      await topCommand(place.surroundings, program.opts()['context'], {
        selection: { sort: options.sort, agent: options.agent, framework: options.framework },
        once: options.once === true,
        json: options.json === true,
      });
    });
}
