// Owns what an allocator does about the lead: it stands for the lease, and what follows when a term begins or ends.
import { Candidacy, type CandidacyOptions } from '@parley/actor/candidacy';
import { RELEASE_VERSION } from '@parley/actor/release';
import { compareEpochs } from '@parley/protocol/epoch';
import type { LeadershipPhase } from '@parley/protocol/leadership';
import type { ActorLog } from '@parley/telemetry/logger';
import type { AllocatorService } from './allocator-service.ts';

/** Stands for the lease, and stands again after each term that was lost. What a term needs comes from the leading master. */
export function standForLead(
  place: Pick<
    CandidacyOptions,
    'bus' | 'store' | 'cluster' | 'id' | 'clock' | 'timers' | 'makeNonce' | 'onUnanswered'
  >,
  logger: ActorLog,
  service: () => Pick<AllocatorService, 'termBegan' | 'termEnded'>,
): Candidacy {
  let phase: LeadershipPhase = 'following';
  const candidacy: Candidacy = new Candidacy({
    ...place,
    key: 'allocator',
    beat: () => ({ id: place.id, phase, version: RELEASE_VERSION }),
    onBeat: (beat, epoch) => {
      const own = candidacy.epoch;
      // A later term: the lease says whether this one still leads. A released one: whether it is free.
      if (epoch !== undefined && (own === undefined || compareEpochs(epoch, own) > 0)) {
        if (own !== undefined || beat.phase === 'left') candidacy.recheck();
      }
    },
    onWon: (epoch) => {
      phase = 'leading';
      service().termBegan(epoch);
    },
    onLost: (taken) => {
      phase = 'following';
      service().termEnded();
      candidacy.stand(!taken);
    },
    // What was done, and what that means, is the leading master's to say.
    onSetback: (setback) => logger.warn(setback, 'the bucket of leases is not what it was'),
    onSuspicion: (epoch, silentMs) =>
      logger.warn({ epoch, silentMs }, 'the leading allocator is silent: its lease is taken'),
  });
  return candidacy;
}
