// Owns what Mesos's commands and probes are here. Pure; what cannot be told throws `Untranslatable`.
import type { Check, HealthCheck as OwnHealthCheck, Probe } from '@parley/protocol/checks';
import type { Command } from '@parley/protocol/command';
import type { Uri } from '@parley/protocol/uris';
import type { CheckInfo, CommandInfo, CommandUri, HealthCheck, HttpProbe } from './mesos-types.ts';
import { numberOf, Untranslatable } from './mesos-values.ts';

export type OwnCommand = {
  readonly command: Command;
  readonly uris: readonly Uri[] | undefined;
  readonly user: string | undefined;
};

/** `given`: variables that the cluster adds; the framework's own win. */
export function ownCommand(
  info: CommandInfo,
  field: string,
  given: Readonly<Record<string, string>> = {},
): OwnCommand {
  const { uris = [], user } = info;
  return {
    command: {
      argv: argvOf(info, field),
      environment: { ...given, ...environmentOf(info, `${field}.environment`) },
    },
    uris: uris.length === 0 ? undefined : uris.map((uri) => ownUri(uri, `${field}.uris`)),
    user: user === '' ? undefined : user,
  };
}

/** Mesos calls the sandbox by another name than our agents. */
const IN_SHELL =
  'MESOS_SANDBOX="$PARLEY_SANDBOX" MESOS_DIRECTORY="$PARLEY_SANDBOX" exec /bin/sh -c "$0"';

/**
 * A shell runs `value`; else `value` is the program, and the first argument, by which it may be told another name of
 * itself, is left out.
 */
function argvOf(info: CommandInfo, field: string): string[] {
  const { value, shell = true, arguments: words = [] } = info;
  if (value === undefined) throw new Untranslatable(`${field}.value: must be there`);
  return shell ? ['/bin/sh', '-c', IN_SHELL, value] : [value, ...words.slice(1)];
}

function environmentOf({ environment }: CommandInfo, field: string): Record<string, string> {
  const variables = new Map<string, string>();
  for (const { name, type = 'VALUE', value, secret } of environment?.variables ?? []) {
    if (type === 'SECRET' || secret !== undefined) {
      throw new Untranslatable(`${field}.${name}: there is nobody to resolve secrets`);
    }
    variables.set(name, value ?? '');
  }
  return Object.fromEntries(variables);
}

function ownUri(
  { value, executable = false, extract = true, cache = false, output_file }: CommandUri,
  field: string,
): Uri {
  const isScheme = /^(https?|file):/.test(value);
  if (!isScheme && !value.startsWith('/')) {
    throw new Untranslatable(`${field}: "${value}" is no http:, https: or file: address`);
  }
  return {
    ...{ value: isScheme ? value : `file://${value}`, executable, extract, cache },
    ...(output_file !== undefined && { outputFile: output_file }),
  };
}

const MS = 1000;
const ms = (seconds: number): number => Math.round(seconds * MS);

export function ownHealthCheck(check: HealthCheck, field: string): OwnHealthCheck {
  const { consecutive_failures = 3, grace_period_seconds = 10, command, ...rest } = check;
  const wrapped = { ...rest, ...(command !== undefined && { command: { command } }) };
  return {
    ...ownCheck(wrapped, field),
    failures: numberOf(consecutive_failures),
    gracePeriodMs: ms(grace_period_seconds),
  };
}

export function ownCheck(check: CheckInfo, field: string): Check {
  const { delay_seconds = 15, interval_seconds = 10, timeout_seconds = 20 } = check;
  return {
    probe: probeOf(check, field),
    delayMs: ms(delay_seconds),
    intervalMs: ms(interval_seconds),
    timeoutMs: ms(timeout_seconds),
  };
}

function probeOf({ type, command, http, tcp }: CheckInfo, field: string): Probe {
  if (command !== undefined && (type ?? 'COMMAND') === 'COMMAND') {
    const { command: plain, uris } = ownCommand(command.command, `${field}.command`);
    if (uris !== undefined) throw new Untranslatable(`${field}.command.uris: only for a task`);
    return { kind: 'command', command: plain };
  }
  if (http !== undefined && (type ?? 'HTTP') === 'HTTP') return httpProbe(http, field);
  if (tcp !== undefined && (type ?? 'TCP') === 'TCP') {
    refuseIpv6(tcp, `${field}.tcp`);
    return { kind: 'tcp', port: numberOf(tcp.port) };
  }
  throw new Untranslatable(`${field}: says neither a command nor HTTP nor TCP`);
}

function httpProbe(http: HttpProbe, field: string): Probe {
  refuseIpv6(http, `${field}.http`);
  const { port, path, scheme = 'http' } = http;
  if (scheme !== 'http' && scheme !== 'https') {
    throw new Untranslatable(`${field}.http.scheme: must be http or https`);
  }
  return { kind: 'http', port: numberOf(port), scheme, path: path ?? '/' };
}

function refuseIpv6({ protocol = 'IPV4' }: { readonly protocol?: string }, field: string): void {
  if (protocol !== 'IPV4') throw new Untranslatable(`${field}.protocol: only IPV4 is asked`);
}
