// Tests of the shape of the command line.
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { OPERATOR_VERBS } from './arguments.ts';
import { addGatewayCommands } from './gateway-commands.ts';
import { allocatorArguments, masterArguments } from './local-cluster/service-catalog.ts';
import { addAgentCommands, addMasterCommands } from './operator-commands.ts';
import { buildProgram } from './program.ts';

const place = {
  surroundings: {
    clone: '/nowhere',
    directory: '/nowhere/.parley',
    context: undefined,
    isTerminal: false,
    columns: 80,
  },
  mainFile: '/nowhere/main.ts',
};
const program = buildProgram(place);
const agent = addAgentCommands(new Command('agent'), program, place);
const master = addMasterCommands(new Command('master'), program, place);
const gateway = addGatewayCommands(new Command('gateway'));

const leaves = (command: Command, above: string): [string, Command][] =>
  command.commands.flatMap((each): [string, Command][] => {
    const name = `${above} ${each.name()}`.trim();
    return each.commands.length === 0 ? [[name, each]] : leaves(each, name);
  });
const COMMANDS = new Map([
  ...leaves(program, ''),
  ...leaves(agent, 'agent'),
  ...leaves(master, 'master'),
  ...leaves(gateway, 'gateway'),
]);
const optionsOf = (name: string) => COMMANDS.get(name)?.options.map(({ long }) => long);

/** They start something, or pass on what others wrote. */
const PRINT_NO_DATA =
  /^(start|stop|keep-cluster|run|master|allocator|agent|gateway|task (logs|files read|exec|attach))$/;

it.each([...COMMANDS.keys()].filter((name) => !PRINT_NO_DATA.test(name)))(
  'parley %s prints JSON when asked to',
  (name) => {
    expect(optionsOf(name)).toContain('--json');
  },
);

it.each(['task kill', 'framework teardown', 'agent gone', 'uninstall'])(
  'parley %s, which cannot be undone, takes --yes',
  (name) => {
    expect(optionsOf(name)).toContain('--yes');
  },
);

it('the words behind agent, master and gateway that are for operators are those that are no arguments of theirs', () => {
  for (const [name, command] of Object.entries({ agent, master, gateway })) {
    const verbs = Object.entries(OPERATOR_VERBS).find(([service]) => service === name)?.[1];
    expect(command.commands.map((each) => each.name())).toEqual(verbs);
  }
});

it('what a start says of offers and rules reaches the master, and what it does not say is not sent', () => {
  expect(masterArguments({})).toEqual([]);
  expect(
    masterArguments({
      authorizationFile: '/etc/rules.json',
      offerTimeoutMs: 5000,
      outstandingCapPercent: 33.3,
    }),
  ).toEqual([
    ...['--authorization', '/etc/rules.json'],
    ...['--offer-timeout-ms', '5000'],
    ...['--outstanding-cap', '33.3'],
  ]);
});

it('what a start says of the allocation interval reaches the allocator', () => {
  expect(allocatorArguments({})).toEqual([]);
  expect(allocatorArguments({ allocationIntervalMs: 250 })).toEqual([
    ...['--allocation-interval', '250ms'],
  ]);
});
