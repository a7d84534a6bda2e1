// Owns what the log says of the journal and the snapshots: of a leader's, and of a standby that writes snapshots.
import type { LeaderReport } from '@parley/actor/leader-shell';
import type { LeaseSetback } from '@parley/actor/lease-past';
import { unreachable } from '@parley/protocol/unreachable';
import type { ActorLog } from '@parley/telemetry/logger';

export function reportLeader(logger: ActorLog, report: LeaderReport): void {
  switch (report.kind) {
    case 'journalTrouble':
      logger.error({ failure: report.failure }, 'the journal takes nothing: requests wait');
      break;
    case 'journalRecovered':
      logger.info('the journal takes entries again');
      break;
    case 'inputSkipped':
      logger.error(
        { skip: report.skip, error: report.error },
        'a step threw: the state is made anew without that input',
      );
      break;
    case 'snapshotWritten':
      logger.info(
        { sequence: report.manifest.sequence, tookMs: Math.round(report.tookMs) },
        'snapshot written',
      );
      break;
    case 'snapshotFailed':
      logger.warn({ failure: report.failure }, 'no snapshot could be written');
      break;
    case 'snapshotPassedOver':
      logger.error(
        { sequence: report.sequence, writer: report.writer, count: report.count },
        `a snapshot is no good (${report.why}): an older one is used`,
      );
      break;
    case 'journalPurged':
      logger.info({ belowSequence: report.belowSequence }, 'journal purged');
      break;
    default:
      unreachable(report);
  }
}

const SETBACKS = {
  putBack:
    'ALARM: the bucket of leases was put back from an older copy. Terms go on above all that were, and nothing is lost; ' +
    'find out who restored it, and leave it out of backups: it is never to be put back',
  recreated:
    'ALARM: the bucket of leases was deleted and made anew while masters ran. Terms go on above all that were, and ' +
    'nothing is lost; if nobody meant to, look after the streams of NATS',
} as const;

/** The term that notices it goes on. */
export function reportSetback(logger: ActorLog, { kind, before, now }: LeaseSetback): void {
  logger.error({ kind, before, now }, SETBACKS[kind]);
}
