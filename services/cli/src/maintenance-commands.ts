// Owns the shape of the commands about maintenance windows. What a command does is in commands/maintenance.ts.
import type { Command } from 'commander';
import { durationArgument } from './arguments.ts';
import { jsonOption } from './command-options.ts';
import { agentsArgument, startArgument, windowArgument } from './maintenance-arguments.ts';
import type { ProgramPlace } from './program.ts';

const HELP = `
From the notice before its start on, nothing is offered of the agents of a window, and frameworks with tasks there are asked
to free them. At the start the tasks that are left are asked to stop; at the end the agents are offered again.

  parley maintenance schedule kernel --agents agent-1,agent-2 --start 2026-12-01T02:00Z --duration 2h --reason 'a new kernel'
  parley maintenance schedule disk --agents agent-3 --start +10m --duration 30m --notice 5m --grace 1m
  parley maintenance list            what is planned, near and under way, and what frameworks have answered
  parley maintenance start disk      begin now, for the whole duration
  parley maintenance stop disk       end now: the agents are offered again
  parley maintenance cancel kernel   one that has not begun
`;

const AFTERWARDS = {
  cancel: 'give up a window that has not begun',
  start: 'begin a window now, for its whole duration',
  stop: 'end a window now: its agents are offered again',
} as const;

export function addMaintenanceCommands(program: Command, place: ProgramPlace): void {
  const context = (): string | undefined => program.opts()['context'];
  const maintenance = program
    .command('maintenance')
    .description(
      'windows in which agents are taken out of service: schedule, list, cancel, start, stop',
    )
    .addHelpText('after', HELP);
  maintenance
    .command('schedule')
    .description('plan a window')
    .argument('<window>', 'a name that you choose', windowArgument)
    .requiredOption('--agents <ids>', 'with commas between them', agentsArgument)
    .requiredOption(
      '--start <when>',
      'now, +30m, or a time such as 2026-12-01T02:00Z',
      startArgument,
    )
    .requiredOption('--duration <time>', 'such as 2h', durationArgument)
    .option(
      '--notice <time>',
      'so long before the start nothing more is offered',
      durationArgument,
      900_000,
    )
    .option(
      '--grace <time>',
      "between asking a task to stop and killing it; else each task's own",
      durationArgument,
    )
    .option('--reason <text>', 'shown to frameworks and operators')
    .addOption(jsonOption())
    .action(async (windowId, options) => {
      const { scheduleCommand } = await import('./commands/maintenance.ts');
      await scheduleCommand(place.surroundings, context(), { windowId, ...options });
    });
  maintenance
    .command('list')
    .description('windows that are not over')
    .addOption(jsonOption())
    .action(async (options) => {
      const { maintenanceListCommand } = await import('./commands/maintenance.ts');
      await maintenanceListCommand(place.surroundings, context(), options.json === true);
    });
  for (const change of ['cancel', 'start', 'stop'] as const) {
    maintenance
      .command(change)
      .description(AFTERWARDS[change])
      .argument('<window>', 'as "parley maintenance list" prints it', windowArgument)
      .addOption(jsonOption())
      .action(async (windowId, options) => {
        const { maintenanceChangeCommand } = await import('./commands/maintenance.ts');
        const how = { windowId, change, json: options.json === true };
        await maintenanceChangeCommand(place.surroundings, context(), how);
      });
  }
}
