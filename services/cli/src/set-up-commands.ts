// Owns the shape of the commands that set a cluster up on a NATS and say who is in it: init, uninstall, credential, principal.
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  clusterArgument,
  durationArgument,
  principalArgument,
  rolesArgument,
} from './arguments.ts';
import { jsonOption, yesOption } from './command-options.ts';
import {
  CREDENTIAL_KINDS,
  type CredentialCommand,
  type CredentialKind,
} from './credential-kinds.ts';
import type { ProgramPlace } from './program.ts';

const DEFAULT_WAIT_MS = 600_000;

const systemOption = (): Option =>
  new Option(
    '--system-creds <file>',
    'NATS .creds or .nk file of a user in the system account: the servers are told to reload with it',
  );

const distributeOption = (): Option =>
  new Option(
    '--distribute <command>',
    'shell command that copies the file $PARLEY_ACCOUNTS beside the configuration of every server',
  );

const waitOption = (): Option =>
  new Option('--wait <time>', 'how long to wait until the servers have taken it')
    .argParser(durationArgument)
    .default(DEFAULT_WAIT_MS, '10m');

type Typed = { systemCreds?: string; distribute?: string; wait: number; json?: boolean };

function commandOf(
  program: Command,
  { systemCreds, distribute, wait, json }: Typed,
): CredentialCommand {
  return {
    context: program.opts()['context'],
    distribution: {
      ...(systemCreds !== undefined && { systemCreds }),
      ...(distribute !== undefined && { distribute }),
    },
    waitMs: wait,
    json: json === true,
  };
}

export function addSetUpCommands(program: Command, place: ProgramPlace): void {
  addInitCommands(program, place);
  addBackupCommands(program, place);
}

function addInitCommands(program: Command, place: ProgramPlace): void {
  program
    .command('init')
    .description('create streams and buckets on a NATS that exists; may be repeated')
    .requiredOption('--cluster <name>', 'name of the cluster', clusterArgument)
    .option('--nats <url>', 'address of the NATS servers, separated by commas')
    .option('--creds <file>', 'credential of who may create streams, if not the one made here')
    .addOption(systemOption())
    .addOption(distributeOption())
    .option('--tls-ca <file>', 'PEM: whose certificates of servers everybody here trusts')
    .option('--tls-cert <file>', 'PEM: shown to servers that want a certificate, by this command')
    .option('--tls-key <file>', 'PEM: its key')
    .option('--principals <names>', 'principals to make streams for, separated by commas')
    .option('--agents <ids>', 'agents to make credentials for, separated by commas')
    .option('--replicas <n>', 'copies of each stream: 1, 3 or 5; else 3 where NATS is a cluster')
    .option('--print', 'print streams, buckets and permissions; change nothing')
    .addOption(jsonOption())
    .action(async (options) => {
      const { initCommand } = await import('./commands/init.ts');
      await initCommand(place.surroundings, options);
    });
  program
    .command('uninstall')
    .description('take away what init made, and nothing else; its services are stopped before')
    .addOption(systemOption())
    .addOption(distributeOption())
    .addOption(waitOption())
    .addOption(yesOption())
    .addOption(jsonOption())
    .action(async ({ yes, ...typed }) => {
      const { uninstallCommand } = await import('./commands/uninstall.ts');
      const { context, ...options } = commandOf(program, typed);
      await uninstallCommand(place.surroundings, context, { ...options, yes: yes === true });
    });
}

/** Their words are a file's name alone. */
function addBackupCommands(program: Command, place: ProgramPlace): void {
  const context = (): string | undefined => program.opts()['context'];
  program
    .command('backup')
    .description('write what operators have set into a file, for a NATS that loses everything')
    .argument('<file>', 'it appears whole or not at all; one that is there is replaced')
    .addOption(jsonOption())
    .action(async (file, options) => {
      const { backupCommand } = await import('./commands/backup.ts');
      await backupCommand(place.surroundings, context(), { file, json: options.json === true });
    });
  program
    .command('restore')
    .description('put back what "parley backup" wrote: after init, before masters are started')
    .argument('<file>', 'the copy')
    .addOption(jsonOption())
    .action(async (file, options) => {
      const { restoreCommand } = await import('./commands/backup.ts');
      await restoreCommand(place.surroundings, context(), { file, json: options.json === true });
    });
}

const kindParser = (value: string): CredentialKind => {
  const kind = CREDENTIAL_KINDS.find((one) => one === value);
  if (kind !== undefined) return kind;
  throw new InvalidArgumentError(`must be one of ${CREDENTIAL_KINDS.join(', ')}.`);
};

export function addMemberCommands(program: Command, place: ProgramPlace): void {
  addCredentialCommands(program, place);
  addPrincipalCommands(program, place);
}

function addCredentialCommands(program: Command, place: ProgramPlace): void {
  const credential = program
    .command('credential')
    .description('who may be on the bus: create, list, revoke; nobody else is disconnected');
  credential
    .command('create')
    .description('let somebody in while the cluster runs')
    .argument('<kind>', CREDENTIAL_KINDS.join(', '), kindParser)
    .argument('<id>', 'its id')
    .option('--roles <roles>', "a principal's, separated by commas; else its name", rolesArgument)
    .addOption(systemOption())
    .addOption(distributeOption())
    .addOption(waitOption())
    .addOption(jsonOption())
    .action(async (kind, id, { roles, ...typed }) => {
      const { credentialCreateCommand } = await import('./commands/credential.ts');
      const who = { kind, id, ...(roles && { roles }) };
      await credentialCreateCommand(place.surroundings, who, commandOf(program, typed));
    });
  credential
    .command('list')
    .addOption(jsonOption())
    .action(async (options) => {
      const { credentialListCommand } = await import('./commands/credential.ts');
      await credentialListCommand(
        place.surroundings,
        commandOf(program, { ...options, wait: DEFAULT_WAIT_MS }),
      );
    });
  credential
    .command('revoke')
    .description('shut somebody out: the connections are closed, the credential is void')
    .argument('<kind>', CREDENTIAL_KINDS.join(', '), kindParser)
    .argument('<id>', 'its id')
    .addOption(systemOption())
    .addOption(distributeOption())
    .addOption(waitOption())
    .addOption(jsonOption())
    .action(async (kind, id, typed) => {
      const { credentialRevokeCommand } = await import('./commands/credential.ts');
      await credentialRevokeCommand(place.surroundings, { kind, id }, commandOf(program, typed));
    });
}

function addPrincipalCommands(program: Command, place: ProgramPlace): void {
  const principal = program
    .command('principal')
    .description('who may run frameworks: add, list, remove');
  principal
    .command('add')
    .description('make a credential; nobody is disconnected')
    .argument('<name>', 'a team or a service', principalArgument)
    .requiredOption('--roles <roles>', 'roles that it may use, separated by commas', rolesArgument)
    .addOption(systemOption())
    .addOption(distributeOption())
    .addOption(waitOption())
    .addOption(jsonOption())
    .action(async (name, { roles, ...typed }) => {
      const { principalAddCommand } = await import('./commands/principal.ts');
      await principalAddCommand(place.surroundings, { name, roles }, commandOf(program, typed));
    });
  principal
    .command('list')
    .addOption(jsonOption())
    .action(async (options) => {
      const { principalListCommand } = await import('./commands/principal.ts');
      await principalListCommand(
        place.surroundings,
        commandOf(program, { ...options, wait: DEFAULT_WAIT_MS }),
      );
    });
  principal
    .command('remove')
    .description('take its credential away; its connections are closed')
    .argument('<name>', 'the principal', principalArgument)
    .addOption(systemOption())
    .addOption(distributeOption())
    .addOption(waitOption())
    .addOption(jsonOption())
    .action(async (name, typed) => {
      const { principalRemoveCommand } = await import('./commands/principal.ts');
      await principalRemoveCommand(place.surroundings, name, commandOf(program, typed));
    });
}
