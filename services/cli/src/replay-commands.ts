// Owns the shape of `parley replay` and of the words behind it. What they do is in commands/replay-*.ts, loaded when run.
import { ReplayPart } from '@parley/protocol/replay';
import { MOMENT_WORDS, type Moment, parseMoment } from '@parley/replay/moments';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { agentArgument, frameworkArgument, principalArgument, taskArgument } from './arguments.ts';
import { jsonOption } from './command-options.ts';
import type { ProgramPlace } from './program.ts';
import type { ReplayPlace } from './replay/replay-place.ts';

const INTRODUCTION = `
Everything that a master decides stands in its journal, so the past can be stepped through again: what happened, in which
order, and how things stood at any moment. Nothing is changed by looking.

A moment is an entry of the journal (1042), a time (2026-05-04T10:15:00Z, or without a zone in local time), a while before
the last entry (90s, 10m, 2h), "first" or "last".

  parley replay                                 the latest entries
  parley replay --follow --agent a1             what happens to agent a1 from now on, too
  parley replay why alice/etl/task-7            the life of a task, with its causes
  parley replay state --at 10m                  "parley status" as it was ten minutes ago
  parley replay diff 10m last                   what changed since
  parley replay export incident.replay          one file of it; look into it anywhere:
  parley replay --file incident.replay verify   ... with every one of these commands
  parley replay --principal alice               as principal alice: its own frameworks only

More: infra/docs/replay.md`;

export function addReplayCommands(program: Command, place: ProgramPlace): void {
  const replay = program
    .command('replay')
    .description('the past of a cluster: what happened, how things stood, and why')
    .addHelpText('after', INTRODUCTION)
    .configureHelp({ sortSubcommands: false });
  addPlaceOptions(replay);
  const placeOf = (command: Command): ReplayPlace => {
    const { file, principal, creds } = command.optsWithGlobals();
    const context: string | undefined = program.opts()['context'];
    return { surroundings: place.surroundings, context, options: { file, principal, creds } };
  };
  addList(replay, placeOf);
  addWhy(replay, placeOf);
  addState(replay, placeOf);
  addDiff(replay, placeOf);
  addExport(replay, placeOf);
  addVerify(replay, placeOf);
}

type PlaceOf = (command: Command) => ReplayPlace;

function momentArgument(value: string): Moment {
  const moment = parseMoment(value);
  if (moment !== undefined) return moment;
  throw new InvalidArgumentError(`must be ${MOMENT_WORDS}.`);
}

/** They may stand before the word behind `replay` or after it. */
function addPlaceOptions(command: Command): Command {
  return command
    .option('--file <file>', 'read a file that "parley replay export" wrote, without any cluster')
    .option('--principal <name>', 'as this principal of a local cluster', principalArgument)
    .option('--creds <file>', "as the principal of this credential file; needs no operator's");
}

function addList(replay: Command, placeOf: PlaceOf): void {
  const list = replay
    .command('list', { isDefault: true })
    .description(
      'what happened, a line each; without --from the latest 200 entries (up to --to), or all when something is filtered',
    )
    .option('--from <moment>', 'from this moment on', momentArgument)
    .option('--to <moment>', 'up to this moment', momentArgument)
    .option('-f, --follow', 'go on as it grows')
    .option('--framework <framework>', 'PRINCIPAL/FRAMEWORK', frameworkArgument)
    .option('--agent <agent>', 'what names this agent', agentArgument)
    .option('--task <task>', 'PRINCIPAL/FRAMEWORK/TASK', taskArgument)
    .addOption(
      new Option(
        '--part <part...>',
        'only inputs, orders to agents, events, or what was left out',
      ).choices(ReplayPart.options),
    )
    .option('--kind <kind...>', 'only these kinds, such as accept, offerMade, taskStateChanged')
    .addOption(jsonOption());
  addPlaceOptions(list).action(async (options, command) => {
    const { replayListCommand } = await import('./commands/replay-lines.ts');
    const { from, to, framework, agent, task, part: parts, kind: kinds } = options;
    await replayListCommand(placeOf(command), {
      ...{ from, to, filter: { framework, agent, task, parts, kinds } },
      ...{ follow: options.follow === true, json: options.json === true },
    });
  });
}

function addWhy(replay: Command, placeOf: PlaceOf): void {
  const why = replay
    .command('why')
    .description('the life of a task with its causes, a sentence a line')
    .argument('<task>', 'PRINCIPAL/FRAMEWORK/TASK', taskArgument)
    .addOption(jsonOption());
  addPlaceOptions(why).action(async (task, options, command) => {
    const { replayWhyCommand } = await import('./commands/replay-lines.ts');
    await replayWhyCommand(placeOf(command), task, options.json === true);
  });
}

function addState(replay: Command, placeOf: PlaceOf): void {
  const state = replay
    .command('state')
    .description('"parley status" as of a moment')
    .requiredOption('--at <moment>', 'a time or an entry', momentArgument)
    .option('--jobs', 'with ramp-up and completion of jobs: reads all that is kept before, too')
    .addOption(jsonOption());
  addPlaceOptions(state).action(async (options, command) => {
    const { replayStateCommand } = await import('./commands/replay-state.ts');
    await replayStateCommand(placeOf(command), {
      at: options.at,
      jobs: options.jobs === true,
      json: options.json === true,
    });
  });
}

function addDiff(replay: Command, placeOf: PlaceOf): void {
  const diff = replay
    .command('diff')
    .description('what changed between two moments: agents, frameworks, tasks, shares')
    .argument('<moment>', 'a time or an entry', momentArgument)
    .argument('<other>', 'another one', momentArgument)
    .addOption(jsonOption());
  addPlaceOptions(diff).action(async (one, other, options, command) => {
    const { replayDiffCommand } = await import('./commands/replay-state.ts');
    await replayDiffCommand(placeOf(command), [one, other], options.json === true);
  });
}

function addExport(replay: Command, placeOf: PlaceOf): void {
  const exporting = replay
    .command('export')
    .description('write all of it, or a part with the state before it, into one file')
    .argument('<file>', 'it appears whole or not at all')
    .option('--from <moment>', 'from this moment on', momentArgument)
    .option('--to <moment>', 'up to this moment', momentArgument)
    .option('--force', 'replace a file that exists')
    .addOption(jsonOption());
  addPlaceOptions(exporting).action(async (file, options, command) => {
    const { replayExportCommand } = await import('./commands/replay-file.ts');
    await replayExportCommand(placeOf(command), file, {
      ...{ from: options.from ?? { kind: 'first' }, to: options.to ?? { kind: 'last' } },
      ...{ force: options.force === true, json: options.json === true },
    });
  });
}

function addVerify(replay: Command, placeOf: PlaceOf): void {
  const verifying = replay
    .command('verify')
    .description(
      'step everything again and compare with the snapshots; leaves with 1 on a difference, or without any snapshot',
    )
    .addOption(jsonOption());
  addPlaceOptions(verifying).action(async (options, command) => {
    const { replayVerifyCommand } = await import('./commands/replay-file.ts');
    process.exitCode = await replayVerifyCommand(placeOf(command), options.json === true);
  });
}
