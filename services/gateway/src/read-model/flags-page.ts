// Owns /flags: settings of the cluster under the names of the flags of Mesos's master that mean the same.
import { DEFAULT_UNCOUNTED } from '@parley/protocol/sharing';
import type { GatewayConfig } from '../config.ts';
import type { Model } from './model.ts';

/** As Mesos prints durations. */
export function durationText(ms: number): string {
  if (ms % 604_800_000 === 0 && ms > 0) return `${ms / 604_800_000}weeks`;
  if (ms % 86_400_000 === 0 && ms > 0) return `${ms / 86_400_000}days`;
  if (ms % 3_600_000 === 0 && ms > 0) return `${ms / 3_600_000}hrs`;
  if (ms % 60_000 === 0 && ms > 0) return `${ms / 60_000}mins`;
  return ms % 1000 === 0 ? `${ms / 1000}secs` : `${ms}ms`;
}

export function flagsOf(
  { cluster, state, place }: Model,
  config: Pick<GatewayConfig, 'usersFile'>,
): Record<string, string> {
  const { settings } = state.record;
  const isGuarded = String(config.usersFile !== undefined);
  const scalars = Object.entries(settings.minAllocatable);
  return {
    agent_ping_timeout: durationText(settings.agentHeartbeatIntervalMs),
    agent_reregister_timeout: durationText(settings.agentSilenceMs),
    authenticate_http_frameworks: isGuarded,
    authenticate_http_readonly: isGuarded,
    authenticate_http_readwrite: isGuarded,
    cluster,
    fair_sharing_excluded_resource_names: (settings.uncounted ?? DEFAULT_UNCOUNTED).join(','),
    ip: place.ip,
    max_completed_frameworks: '50',
    max_completed_tasks_per_framework: String(settings.endedTasksPerFramework),
    min_allocatable_resources: scalars
      .map(([name, amount]) => `${name}:${amount / 1000}`)
      .join(';'),
    offer_timeout: durationText(settings.offerTimeoutMs),
    port: String(place.port),
  };
}
