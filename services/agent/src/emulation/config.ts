// Owns what an emulation of agents is told at its start: how many, over how many connections, and what each of them has.
// Nothing is asked of the host: what it has is not what they have.

import type { Identity } from '@parley/actor/nats/credential-file';
import { readServiceArguments, SERVICE_USAGE } from '@parley/actor/service-arguments';
import type { Domain } from '@parley/protocol/constraints';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId } from '@parley/protocol/ids';
import type { LogLevel } from '@parley/protocol/operators';
import type { Resources } from '@parley/protocol/resources';
import { readHostOptions } from '../host-options.ts';
import { hostResources } from '../host-resources.ts';

export type EmulationConfig = {
  readonly identity: Identity;
  readonly logLevel: LogLevel;
  readonly agents: number;
  readonly connections: number;
  readonly idPrefix: string;
  /** Agents that begin in a second. */
  readonly startRate: number;
  readonly total: Resources;
  readonly domain: Domain | undefined;
};

export const EMULATION_USAGE = `parley agent --emulate N --creds FILE
  Agents that take part in the cluster as real ones do and run nothing: a task lasts as long as the "sleep N"
  in its command. The credential is one of the kind "emulator" (parley credential create emulator NAME).
  --emulate N        so many agents in this process
  --connections M    over so many connections (one for each 500 agents)
  --id-prefix TEXT   agents are called TEXT1, TEXT2 ... ("emulated-"): another one for another process
  --start-rate N     so many agents begin in a second (1000)
  --cpus N --mem MiB --disk MiB --ports BEGIN-END --network-bandwidth RATE
                     what each of them has (4 CPUs, 8 GiB of memory, 32 GiB of disk, ports 31000-32000)
  --region NAME --zone NAME
                     the fault domain of all of them
${SERVICE_USAGE}
`;

const OPTIONS = {
  emulate: { type: 'string' },
  connections: { type: 'string' },
  'id-prefix': { type: 'string', default: 'emulated-' },
  'start-rate': { type: 'string', default: '1000' },
  cpus: { type: 'string' },
  mem: { type: 'string' },
  disk: { type: 'string' },
  'network-bandwidth': { type: 'string' },
  ports: { type: 'string' },
  region: { type: 'string' },
  zone: { type: 'string' },
} as const;

const AGENTS_A_CONNECTION = 500;
/** A server drops a client that it cannot write to for seconds: what is broadcast comes once for each agent. */
const MAX_AGENTS_A_CONNECTION = 5000;
const MAX_AGENTS = 100_000;
const MAX_START_RATE = 100_000;
const GIB = 1024 ** 3;
const HOST = { cpus: 4, memoryBytes: 9 * GIB, diskBytes: 37 * GIB, linkMbit: undefined, gpus: 0 };

/** Whether these words ask for an emulation. */
export const isEmulation = (words: readonly string[]): boolean =>
  words.some((word) => word === '--emulate' || word.startsWith('--emulate='));

/** Fails as `readServiceArguments` does; the message names the option. */
export function readEmulationConfig(words: readonly string[]): Outcome<EmulationConfig> {
  const read = readServiceArguments('emulator', words, OPTIONS);
  if (!read.ok) return read.failure.message.startsWith('--creds') ? withoutCredential() : read;
  const { identity, logLevel, own } = read.value;
  const text = (name: keyof typeof OPTIONS): string | undefined => {
    const value = own[name];
    return typeof value === 'string' ? value : undefined;
  };
  const agents = wholeNumber('--emulate', text('emulate'), MAX_AGENTS);
  if (!agents.ok) return agents;
  const connections = readConnections(text('connections'), agents.value);
  if (!connections.ok) return connections;
  const startRate = wholeNumber('--start-rate', text('start-rate'), MAX_START_RATE);
  if (!startRate.ok) return startRate;
  const idPrefix = text('id-prefix') ?? '';
  if (!AgentId.safeParse(`${idPrefix}${agents.value}`).success) {
    return fail('malformed', `--id-prefix ${idPrefix}: letters, digits, "-" and "_", at most 58`);
  }
  const told = readHostOptions({
    cpus: text('cpus'),
    mem: text('mem'),
    disk: text('disk'),
    'network-bandwidth': text('network-bandwidth'),
    ports: text('ports'),
    region: text('region'),
    zone: text('zone'),
  });
  if (!told.ok) return told;
  return succeed({
    identity,
    logLevel,
    agents: agents.value,
    connections: connections.value,
    idPrefix,
    startRate: startRate.value,
    total: hostResources(HOST, told.value.stated),
    domain: told.value.domain,
  });
}

const withoutCredential = (): ReturnType<typeof fail> =>
  fail(
    'malformed',
    '--emulate needs --creds FILE of the kind "emulator": parley credential create emulator NAME makes one',
  );

function readConnections(text: string | undefined, agents: number): Outcome<number> {
  if (text === undefined) return succeed(Math.ceil(agents / AGENTS_A_CONNECTION));
  const connections = wholeNumber('--connections', text, agents);
  if (!connections.ok) return connections;
  const least = Math.ceil(agents / MAX_AGENTS_A_CONNECTION);
  if (connections.value >= least) return connections;
  return fail(
    'malformed',
    `--connections ${text}: at most ${MAX_AGENTS_A_CONNECTION} agents a connection, so ${least} or more for ${agents}`,
  );
}

function wholeNumber(option: string, text: string | undefined, max: number): Outcome<number> {
  const number = text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return succeed(number);
  return fail('malformed', `${option} takes a whole number from 1 to ${max}`);
}
