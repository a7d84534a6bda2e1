// Owns the shape of the commands that say who may sign in to a gateway: `parley gateway user add|remove|list`. They change a
// file of this host and talk to no cluster; gateways read it again by themselves.
import { Permission, UserName } from '@parley/operator-sdk/gateway-users';
import type { Command } from 'commander';
import { parserOf, principalArgument } from './arguments.ts';
import { jsonOption } from './command-options.ts';

const userArgument = parserOf('a user name', UserName);
const permissionArgument = parserOf('a permission', Permission);
const permissionsArgument = (value: string): Permission[] =>
  value.split(',').map((one) => permissionArgument(one.trim()));

/** `gateway` itself runs a gateway: these are the words behind it that are for operators. */
export function addGatewayCommands(gateway: Command): Command {
  const user = gateway.command('user').description('who may sign in: add, remove, list');
  user
    .command('add')
    .description('a user, or another password, token, principal or permissions for one')
    .argument('<name>', 'what is typed to sign in', userArgument)
    .requiredOption('--file <file>', 'of users; made if it is not there')
    .option(
      '--permissions <list>',
      `of ${Permission.options.join(', ')}, separated by commas (new: view)`,
      permissionsArgument,
    )
    .option('--principal <name>', 'whose frameworks it may run', principalArgument)
    .option(
      '--token <name>',
      'make a token for scripts and print it once, in place of asking for a password',
      userArgument,
    )
    .addOption(jsonOption())
    .action(async (name, { file, permissions, principal, token, json }) => {
      const { userAddCommand } = await import('./commands/gateway-user.ts');
      await userAddCommand(file, { name, permissions, principal, token }, json === true);
    });
  user
    .command('remove')
    .description('a user, or with --token one of its tokens; sessions of it end')
    .argument('<name>', 'the user', userArgument)
    .requiredOption('--file <file>', 'of users')
    .option('--token <name>', 'only this token', userArgument)
    .addOption(jsonOption())
    .action(async (name, { file, token, json }) => {
      const { userRemoveCommand } = await import('./commands/gateway-user.ts');
      userRemoveCommand(file, { name, token }, json === true);
    });
  user
    .command('list')
    .requiredOption('--file <file>', 'of users')
    .addOption(jsonOption())
    .action(async ({ file, json }) => {
      const { userListCommand } = await import('./commands/gateway-user.ts');
      userListCommand(file, json === true);
    });
  return gateway;
}
