// Owns the shape of the commands about how the cluster is shared: roles, quota, weights, reservations. What a command does
// is in commands/, loaded when run.
import type { FrameworkRef } from '@parley/protocol/ids';
import type { Placement, Quantities } from '@parley/protocol/sharing';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { agentArgument, frameworkArgument } from './arguments.ts';
import { CommandFailure, EXIT } from './command-failure.ts';
import { jsonOption } from './command-options.ts';
import type { SharingHow } from './commands/sharing.ts';
import type { ListPlace } from './commands/sharing-lists.ts';
import type { ProgramPlace } from './program.ts';
import {
  labelsArgument,
  leastOfferArgument,
  placementOrCluster,
  quantitiesArgument,
  quotaArgument,
  reservationArgument,
  roleArgument,
  weightArgument,
  whomOf,
  withoutWords,
} from './sharing-arguments.ts';

const ROLE_HELP = `
A role is a name under which frameworks share a cluster: a team, a kind of work. Roles form a tree: "eng/ads" is a part of
"eng". Any name is a role as soon as a framework uses it or something is set for it.

  parley role list                          who there is, what is set, what each has
  parley role inspect eng/ads               all about one, with the limits above it and who changed what
  parley role set eng --placement bestFit   fill agents one after another, so that whole ones stay free
`;

const QUOTA_HELP = `
A guarantee is what a role gets before others do; what others have beyond theirs is taken back for it. A limit is what it
has at most, with unanswered offers and what is reserved for it. Both hold for all roles below it together.

  parley quota set eng --guarantee cpus=4,mem=8GiB        at least this, when it wants it
  parley quota set eng/ads --limit cpus=2.5,mem=4GiB      never more than this
  parley quota set --framework alice/web-1 --limit cpus=1 one framework, over all its roles
  parley quota set eng --limit none                       no limit any more; its guarantee stays
  parley quota clear eng                                  neither guarantee nor limit
  parley quota list

What is given replaces the whole guarantee, or the whole limit; a resource that a limit does not name is not limited.
A quota that contradicts another one is refused. One that does not fit the cluster as it is (more is guaranteed than the
agents have; more is in use than the limit) is refused unless it is given --force.
`;

const WEIGHT_HELP = `
Of what is contended, a role or framework with weight 2 is entitled to twice as much as one beside it with weight 1. That
is the weight of whoever has none. A weight takes nothing away: it counts when something is given out.

  parley weight set eng 2
  parley weight set --framework alice/web-1 0.5
  parley weight clear eng
  parley weight list
`;

const RESERVATION_HELP = `
A reservation sets resources of one agent aside for a role and the roles below it. Persistent volumes are made of it.

  parley reservation add eng db-1 --agent agent-1 --resources cpus=2,mem=4GiB,disk=10GiB
  parley reservation list
  parley reservation remove eng db-1 --agent agent-1                   all that is not in use of it
  parley reservation remove eng db-1 --agent agent-1 --resources cpus=1
`;

export function addSharingCommands(program: Command, place: ProgramPlace): void {
  const listPlace = (options: { json?: boolean }): ListPlace => ({
    surroundings: place.surroundings,
    context: program.opts()['context'],
    json: options.json === true,
  });
  addRoleCommands(program, listPlace);
  addQuotaCommands(program, listPlace);
  addWeightCommands(program, listPlace);
  addReservationCommands(program, listPlace);
}

type PlaceOf = (options: { json?: boolean }) => ListPlace;

function addRoleCommands(program: Command, placeOf: PlaceOf): void {
  const role = program
    .command('role')
    .description('roles of the cluster: list, inspect, set')
    .addHelpText('after', ROLE_HELP);
  role
    .command('list')
    .description('every role, with what is set for it and what it has')
    .addOption(jsonOption())
    .action(async (options) => {
      const { roleListCommand } = await import('./commands/sharing-lists.ts');
      await roleListCommand(placeOf(options));
    });
  role
    .command('inspect')
    .description('all about one role: quota, what it has, its frameworks, who changed what')
    .argument('<role>', 'such as eng or eng/ads', roleArgument)
    .addOption(jsonOption())
    .action(async (name, options) => {
      const { roleInspectCommand } = await import('./commands/sharing-lists.ts');
      await roleInspectCommand(placeOf(options), name);
    });
  role
    .command('set')
    .description('what its offers are like')
    .argument('<role>', 'such as eng or eng/ads', roleArgument)
    .option(
      '--placement <how>',
      'which agents first: random, bestFit (the fullest), spread (the emptiest), or cluster (as the others)',
      placementOrCluster,
    )
    .option(
      '--least-offer <amounts>',
      'less is not worth an offer: cpus=1,mem=1GiB, or cluster (as the others)',
      leastOfferArgument,
    )
    .addOption(forceOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      const placement = withoutWords<Placement>(options.placement);
      const minAllocatable = withoutWords<Quantities>(options.leastOffer);
      await share(placeOf(options), {
        ...{ whom: { kind: 'role', role: name }, shares: { placement, minAllocatable } },
        force: options.force === true,
      });
    });
}

function addQuotaCommands(program: Command, placeOf: PlaceOf): void {
  const quota = program
    .command('quota')
    .description('guarantees and limits of roles and frameworks: set, list, clear')
    .addHelpText('after', QUOTA_HELP);
  quota
    .command('set')
    .description('set a guarantee, a limit, or both')
    .argument('[role]', 'such as eng or eng/ads', roleArgument)
    .addOption(frameworkOption())
    .option('--guarantee <amounts>', 'cpus=4,mem=8GiB, or none', quotaArgument)
    .option('--limit <amounts>', 'likewise', quotaArgument)
    .addOption(forceOption())
    .addOption(jsonOption())
    .addHelpText('after', QUOTA_HELP)
    .action(async (role, options) => {
      const guarantee = withoutWords<Quantities>(options.guarantee);
      const limit = withoutWords<Quantities>(options.limit);
      await share(placeOf(options), {
        ...{ whom: whomOf(role, options.framework), shares: { guarantee, limit } },
        force: options.force === true,
      });
    });
  quota
    .command('list')
    .description('what is guaranteed and limited, and what is had of it')
    .addOption(jsonOption())
    .action(async (options) => {
      const { quotaListCommand } = await import('./commands/sharing-lists.ts');
      await quotaListCommand(placeOf(options));
    });
  quota
    .command('clear')
    .description('neither guarantee nor limit any more')
    .argument('[role]', 'such as eng or eng/ads', roleArgument)
    .addOption(frameworkOption())
    .addOption(jsonOption())
    .action(async (role, options) => {
      const whom = whomOf(role, options.framework);
      await share(placeOf(options), { whom, shares: { guarantee: null, limit: null } });
    });
}

function addWeightCommands(program: Command, placeOf: PlaceOf): void {
  const weight = program
    .command('weight')
    .description('weights of roles and frameworks: set, list, clear')
    .addHelpText('after', WEIGHT_HELP);
  weight
    .command('set')
    .usage('[options] ROLE WEIGHT | --framework PRINCIPAL/FRAMEWORK WEIGHT')
    .description('how much it is entitled to, against those beside it')
    .argument('<words...>', 'role and weight; with --framework the weight')
    .addOption(frameworkOption())
    .addOption(jsonOption())
    .action(async (words: string[], options) => {
      const { whom, weight: shares } = weightOf(words, options.framework);
      await share(placeOf(options), { whom, shares: { weight: shares } });
    });
  weight
    .command('list')
    .description('weights that are not 1')
    .addOption(jsonOption())
    .action(async (options) => {
      const { weightListCommand } = await import('./commands/sharing-lists.ts');
      await weightListCommand(placeOf(options));
    });
  weight
    .command('clear')
    .description('the weight 1 again')
    .argument('[role]', 'such as eng or eng/ads', roleArgument)
    .addOption(frameworkOption())
    .addOption(jsonOption())
    .action(async (role, options) => {
      await share(placeOf(options), {
        whom: whomOf(role, options.framework),
        shares: { weight: null },
      });
    });
}

function addReservationCommands(program: Command, placeOf: PlaceOf): void {
  const reservation = program
    .command('reservation')
    .description('resources that are set aside for a role: list, add, remove')
    .addHelpText('after', RESERVATION_HELP);
  reservation
    .command('list')
    .description('what is reserved, on which agent and for whom')
    .option('--role <role>', 'of this role only', roleArgument)
    .option('--agent <agent>', 'on this agent only', agentArgument)
    .addOption(jsonOption())
    .action(async (options) => {
      const { reservationListCommand } = await import('./commands/reservation.ts');
      await reservationListCommand(placeOf(options), {
        role: options.role,
        agentId: options.agent,
      });
    });
  const changes = {
    add: 'set resources of an agent aside; offers that hold them are taken back',
    remove: 'give resources back to everybody: all of it, or what is named',
  } as const;
  for (const verb of ['add', 'remove'] as const) {
    const command = reservation
      .command(verb)
      .description(changes[verb])
      .argument('<role>', 'for which role', roleArgument)
      .argument('<reservation>', 'its id on that agent', reservationArgument)
      .requiredOption('--agent <agent>', 'on which agent', agentArgument);
    const amounts = ['--resources <amounts>', 'cpus=2,mem=4GiB,disk=10GiB'] as const;
    if (verb === 'remove') command.option(...amounts, quantitiesArgument);
    else {
      command
        .requiredOption(...amounts, quantitiesArgument)
        .option('--labels <labels>', 'NAME=VALUE, separated by commas', labelsArgument);
    }
    command.addOption(jsonOption()).action(async (role, reservationId, options) => {
      const { reservationChangeCommand } = await import('./commands/reservation.ts');
      await reservationChangeCommand(placeOf(options), {
        kind: verb === 'add' ? 'reserve' : 'unreserve',
        reservation: {
          ...{ role, reservationId, agentId: options.agent },
          ...{ scalars: options.resources, labels: options.labels },
        },
      });
    });
  }
}

/** `ROLE WEIGHT`, or with a framework `WEIGHT`. */
function weightOf(words: readonly string[], framework: FrameworkRef | undefined) {
  const [last = '', role, ...more] = words.toReversed();
  if (more.length > 0) {
    throw new CommandFailure(EXIT.usage, {
      what: 'these are too many words',
      remedy: 'parley weight set ROLE WEIGHT',
    });
  }
  if (role === undefined && framework === undefined) {
    throw new CommandFailure(EXIT.usage, {
      what: `"${last}" alone is no role and its weight`,
      remedy:
        'parley weight set ROLE WEIGHT, or parley weight set --framework PRINCIPAL/FRAMEWORK WEIGHT',
    });
  }
  return typed(() => {
    const whom = whomOf(role === undefined ? undefined : roleArgument(role), framework);
    return { whom, weight: weightArgument(last) };
  });
}

/** What commander says itself of an argument that it reads. */
function typed<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new CommandFailure(EXIT.usage, { what: error.message, remedy: 'see --help' }, error);
  }
}

async function share(
  place: ListPlace,
  how: Omit<SharingHow, 'json' | 'force'> & { readonly force?: boolean },
): Promise<void> {
  const { sharingCommand } = await import('./commands/sharing.ts');
  await sharingCommand(place, { force: false, ...how });
}

const forceOption = (): Option =>
  new Option('--force', 'though it does not fit the cluster as it is');
const frameworkOption = (): Option =>
  new Option('--framework <framework>', 'PRINCIPAL/FRAMEWORK, in place of a role').argParser(
    frameworkArgument,
  );
