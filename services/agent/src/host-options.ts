// Owns reading what the command line says about the host: its fault domain, and how much of it is offered. What is left out
// is asked of the host in config.ts. Failures are `malformed` and name the option.
import { Domain } from '@parley/protocol/constraints';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { parseAmount, parseBandwidth, parseMemory, parsePorts } from '@parley/resources/parse';
import type { StatedResources } from './host-resources.ts';

type Text = string | undefined;
type DomainOptions = { readonly region?: Text; readonly zone?: Text };
type ResourceOptions = {
  readonly cpus?: Text;
  readonly mem?: Text;
  readonly disk?: Text;
  readonly 'network-bandwidth'?: Text;
  readonly ports?: Text;
};

/** Both or none. */
export function readDomain({ region, zone }: DomainOptions): Outcome<Domain | undefined> {
  if (region === undefined && zone === undefined) return succeed(undefined);
  if (region === undefined || zone === undefined) {
    return fail('malformed', '--region and --zone: an agent names both or none');
  }
  const domain = Domain.safeParse({ region, zone });
  return domain.success
    ? succeed(domain.data)
    : fail('malformed', '--region and --zone have 1 to 64 characters');
}

export function readResources(values: ResourceOptions): Outcome<StatedResources> {
  const stated: { -readonly [Name in keyof StatedResources]: StatedResources[Name] } = {};
  const options = [
    ['cpus', 'cpus', parseAmount],
    ['mem', 'mem', parseMemory],
    ['disk', 'disk', parseMemory],
    ['network-bandwidth', 'networkBandwidth', parseBandwidth],
  ] as const;
  for (const [option, name, parse] of options) {
    const text = values[option];
    if (text === undefined) continue;
    const amount = parse(text);
    if (!amount.ok) return fail('malformed', `--${option}: ${amount.failure.message}`);
    stated[name] = amount.value;
  }
  if (values.ports !== undefined) {
    const ports = parsePorts(values.ports);
    if (!ports.ok) return fail('malformed', `--ports: ${ports.failure.message}`);
    stated.ports = ports.value;
  }
  return succeed(stated);
}
