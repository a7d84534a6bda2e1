// Owns the list of named scenarios: those with numbers in their order, then the others.
import type { Scenario } from '../scenario.ts';
import { changing, guaranteed, starved } from './guarantees.ts';
import { lostBooks } from './lost-books.ts';
import { poison } from './poison.ts';
import { chopped, dominantShares, headroom, weights } from './s1-s4-sharing.ts';
import { declined, grown } from './s5-s6-filters.ts';
import { suppressed } from './s7-suppress.ts';
import { acceptAndRescind, oneStale } from './s8-s9-races.ts';
import { killed, partitioned } from './s13-s14-tasks.ts';
import { doubleFailure, failover } from './s15-s16-failover.ts';
import { updatesAgain } from './s17-updates.ts';
import { mix } from './s27-mix.ts';
import { drained, maintained } from './service.ts';
import { overtaken, takeover } from './takeover.ts';

export const SCENARIOS: readonly Scenario[] = [
  dominantShares,
  weights,
  chopped,
  headroom,
  declined,
  grown,
  suppressed,
  acceptAndRescind,
  oneStale,
  partitioned,
  killed,
  failover,
  doubleFailure,
  updatesAgain,
  mix,
  guaranteed,
  starved,
  changing,
  poison,
  takeover,
  overtaken,
  drained,
  maintained,
  lostBooks,
];
