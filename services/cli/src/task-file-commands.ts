// Owns the shape of the commands that look into a task's sandbox. What a command does is in commands/, loaded when run.
import type { Command } from 'commander';
import {
  agentArgument,
  countArgument,
  filePathArgument,
  offsetArgument,
  taskArgument,
} from './arguments.ts';
import { jsonOption } from './command-options.ts';
import type { ProgramPlace } from './program.ts';

const TASK = 'PRINCIPAL/FRAMEWORK/TASK';
const PATH = 'from the sandbox on, such as out/log.txt; odd bytes as \\xNN, as list shows them';
const AGENT = 'where it ran, when the cluster has forgotten the task';

export function addTaskFileCommands(task: Command, program: Command, place: ProgramPlace): void {
  const context = (): string | undefined => program.opts()['context'];
  const files = task
    .command('files')
    .description("what lies in a task's sandbox: list, read, search, download");
  files
    .command('list', { isDefault: true })
    .description('a directory, or all about one file')
    .argument('<task>', TASK, taskArgument)
    .argument('[path]', PATH, filePathArgument, new Uint8Array())
    .option('--agent <id>', AGENT, agentArgument)
    .addOption(jsonOption())
    .action(async (ref, path, options) => {
      const { filesListCommand } = await import('./commands/task-files.ts');
      const address = { task: ref, path, agent: options.agent };
      await filesListCommand(place.surroundings, context(), address, options.json === true);
    });
  files
    .command('read')
    .description('a file, or a part of it, as it is')
    .argument('<task>', TASK, taskArgument)
    .argument('<path>', PATH, filePathArgument)
    .option('-f, --follow', 'go on until the task has ended')
    .option('--offset <bytes>', 'where to begin; -100 for the last 100 bytes', offsetArgument)
    .option('--bytes <n>', 'so many bytes, and no more', countArgument(1))
    .option('--tail <lines>', 'begin with the last lines', countArgument(0))
    .option('--agent <id>', AGENT, agentArgument)
    .action(async (ref, path, options) => {
      const { filesReadCommand } = await import('./commands/task-files.ts');
      await filesReadCommand(
        place.surroundings,
        context(),
        { task: ref, path, agent: options.agent },
        {
          follow: options.follow === true,
          offset: options.offset,
          maxBytes: options.bytes,
          tail: options.tail,
        },
      );
    });
  addSearchAndDownload(files, context, place);
}

function addSearchAndDownload(
  files: Command,
  context: () => string | undefined,
  place: ProgramPlace,
): void {
  files
    .command('search')
    .description('the lines of a file that hold a text, as it is typed (no pattern)')
    .argument('<task>', TASK, taskArgument)
    .argument('<path>', PATH, filePathArgument)
    .argument('<text>', 'up to 1,024 bytes')
    .option('--offset <bytes>', 'where to begin', countArgument(0), 0)
    .option('--agent <id>', AGENT, agentArgument)
    .addOption(jsonOption())
    .action(async (ref, path, text: string, options) => {
      const { filesSearchCommand } = await import('./commands/task-files.ts');
      const address = { task: ref, path, agent: options.agent };
      const how = { text, offset: options.offset, json: options.json === true };
      await filesSearchCommand(place.surroundings, context(), address, how);
    });
  files
    .command('download')
    .description('a file or a folder, to this host')
    .argument('<task>', TASK, taskArgument)
    .argument(
      '[path]',
      `${PATH}; all of the sandbox without it`,
      filePathArgument,
      new Uint8Array(),
    )
    .option('--to <place>', 'where; else here, under its own name')
    .option('--force', 'write over a file that is there')
    .option('--agent <id>', AGENT, agentArgument)
    .addOption(jsonOption())
    .action(async (ref, path, options) => {
      const { filesDownloadCommand } = await import('./commands/task-files-download.ts');
      const address = { task: ref, path, agent: options.agent };
      const how = { to: options.to, force: options.force === true, json: options.json === true };
      await filesDownloadCommand(place.surroundings, context(), address, how);
    });
}
