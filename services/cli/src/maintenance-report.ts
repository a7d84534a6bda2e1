// Owns the picture of maintenance windows that commands show: when, which agents, how far they are emptied, and what
// frameworks have answered. It only reads the state.
import type { ClusterState } from '@parley/cluster/cluster-state';
import { inverseOffersOf } from '@parley/cluster/maintenance-book';
import { formatDuration, type MaintenanceSummary } from './cluster-summary.ts';
import { formatTable } from './print.ts';

export function maintenanceOf(state: ClusterState): MaintenanceSummary[] {
  return [...state.maintenance.rows()]
    .map((window): MaintenanceSummary => {
      const answers = inverseOffersOf(state, window.windowId).map(({ answer }) => answer);
      const count = (said: (typeof answers)[number]) =>
        answers.filter((answer) => answer === said).length;
      const emptied = window.agents.filter((id) => state.agents.get(id)?.isEmptied === true);
      return {
        windowId: window.windowId,
        state: window.state,
        start: new Date(window.startWallTimeMs).toISOString(),
        durationMs: window.durationMs,
        noticeMs: window.noticeMs,
        agents: window.agents,
        emptied: emptied.length,
        reason: window.reason,
        by: window.by,
        inverseOffers: {
          accepted: count('accept'),
          declined: count('decline'),
          unanswered: count(undefined),
        },
      };
    })
    .sort((a, b) => (a.start < b.start ? -1 : 1));
}

const STATES: Readonly<Record<string, string>> = { underWay: 'under way' };
/** Names of a long list that are shown. */
const SHOWN = 3;

/** Nothing where there is no window. */
export function maintenanceTable(windows: readonly MaintenanceSummary[]): string {
  if (windows.length === 0) return '';
  return formatTable(
    ['window', 'state', 'start', 'duration', 'agents', 'emptied', 'inverse offers', 'reason'],
    windows.map((window) => ({
      window: window.windowId,
      state: STATES[window.state] ?? window.state,
      start: window.start,
      duration: formatDuration(window.durationMs),
      agents: agentWords(window.agents),
      emptied: `${window.emptied}/${window.agents.length}`,
      'inverse offers': offerWords(window.inverseOffers),
      reason: window.reason === '' ? '-' : window.reason,
    })),
  );
}

function agentWords(agents: readonly string[]): string {
  if (agents.length <= SHOWN) return agents.join(',');
  return `${agents.slice(0, SHOWN).join(',')} and ${agents.length - SHOWN} more`;
}

function offerWords({
  accepted,
  declined,
  unanswered,
}: MaintenanceSummary['inverseOffers']): string {
  if (accepted + declined + unanswered === 0) return '-';
  return `${accepted} accepted, ${declined} declined, ${unanswered} open`;
}
