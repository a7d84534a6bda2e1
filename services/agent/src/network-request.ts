// Owns which network a task is launched with: its host's, none, or a private one with the rate and the ports that the task
// holds. Making that is in @parley/isolation.
import type { LaunchOutcome, LaunchRequest } from '@parley/isolation/launcher';
import type { NetworkRequest, TaskNetworks } from '@parley/isolation/task-networks';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';

export function networkRequestOf(
  unit: string,
  { resources }: Pick<TaskDescription, 'resources'>,
): NetworkRequest {
  const { scalars, ports } = resources;
  return {
    unit,
    // In thousandths of a Mbit/s, as it is.
    egressKbit: scalars['network_bandwidth'],
    ports: ports.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    ),
  };
}

export type PreparedNetwork =
  | { readonly ok: true; readonly value: Pick<LaunchRequest, 'network'> }
  | Extract<LaunchOutcome, { ok: false }>;

/** @param networks undefined where tasks cannot have private ones */
export async function prepareNetwork(
  networks: TaskNetworks | undefined,
  unit: string,
  description: TaskDescription,
): Promise<PreparedNetwork> {
  switch (description.network) {
    case undefined:
    case 'host':
      return { ok: true, value: {} };
    case 'none':
      return { ok: true, value: { network: { kind: 'none' } } };
    case 'private':
      return networks === undefined
        ? refused('this agent has no private networks for tasks: start it with --task-network')
        : privateNetwork(networks, networkRequestOf(unit, description));
    default:
      return unreachable(description.network);
  }
}

async function privateNetwork(
  networks: TaskNetworks,
  request: NetworkRequest,
): Promise<PreparedNetwork> {
  const made = await networks.make(request);
  if (!made.ok) return refused(made.message);
  const { namespacePath } = made.network;
  return { ok: true, value: { network: { kind: 'namespace', path: namespacePath } } };
}

function refused(message: string): Extract<PreparedNetwork, { ok: false }> {
  return { ok: false, failure: { code: 'invalidRequest', message } };
}
