// Owns what an agent does with each sample of what its units use: it is told on the bus, once that is there, and what tasks
// leave idle is lent where an operator wants that.
import { systemClock } from '@parley/actor/nats/system-clock';
import type { UsageReport } from '@parley/protocol/agents';
import type { Logger } from '@parley/telemetry/logger';
import type { AgentLink } from './agent-link.ts';
import type { IdleLendingOptions } from './idle-estimator.ts';
import { IdleLending } from './idle-lending.ts';
import type { Supervisor } from './supervisor.ts';
import type { SupervisorInput } from './supervisor-messages.ts';
import type { UnitWatch } from './unit-watch.ts';
import { UsageReports } from './usage-reports.ts';

export type UsageMeasuring = {
  readonly units: Pick<UnitWatch, 'usage'>;
  readonly link: Pick<AgentLink, 'agent'>;
  readonly supervisor: Pick<Supervisor, 'tasks'>;
  readonly idleLending: IdleLendingOptions | undefined;
  readonly onMeasured: (totals: UsageReport) => void;
  readonly dispatch: (input: SupervisorInput) => void;
  readonly logger: Logger;
};

/** Not begun. */
export function measureUsage(options: UsageMeasuring): UsageReports {
  const { units, link, supervisor, idleLending, onMeasured, dispatch, logger } = options;
  const lending =
    idleLending &&
    new IdleLending(idleLending, supervisor, (revocable) =>
      dispatch({ kind: 'estimated', revocable }),
    );
  return new UsageReports({
    measure: async (isDetailed) => {
      const usage = await units.usage(isDetailed);
      lending?.measured(usage);
      onMeasured(usage.totals);
      return usage;
    },
    publishTotals: (totals) => link.agent?.usage(totals),
    publishUnits: (part) => link.agent?.unitsUsage(part),
    nowMs: systemClock.nowMs,
    onFailure: (err) => logger.error({ err }, 'measuring what tasks use failed'),
  });
}
