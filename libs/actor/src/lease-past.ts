// Owns what one process remembers of a lease over all its candidacies: so that it notices a bucket of leases that was put
// back from an older copy or made anew, and begins no term under an epoch that another had. It does no I/O.
import { compareEpochs, type Epoch, NO_EPOCH } from '@parley/protocol/epoch';
import type { LeaseEntry } from './lease.ts';

/** What was done to the bucket, as a term that was won in it shows. */
export type LeaseSetback = {
  /** `putBack`: the bucket is as it was at an earlier time. `recreated`: it is another one, and empty. */
  readonly kind: 'putBack' | 'recreated';
  /** Creation time and revision as they were last known, and as they are now. */
  readonly before: Epoch;
  readonly now: Epoch;
};

export class LeasePast {
  /** The latest term of anybody. */
  #latest: Epoch = NO_EPOCH;
  /** The bucket and its highest revision, as read or written since that term was heard of. */
  #seen: Epoch | undefined;
  #otherBucket: LeaseSetback | undefined;

  /** A term of whoever leads or led: from a sign of life, the lease, or the books. */
  heard(epoch: Epoch): void {
    if (compareEpochs(epoch, this.#latest) <= 0) return;
    this.#latest = epoch;
    // Whoever began it has told what was to be told.
    this.#otherBucket = undefined;
    const seen = this.#seen;
    const isOfWhatWasSeen =
      seen?.bucketCreatedMs === epoch.bucketCreatedMs && epoch.revision > seen.revision;
    if (!isOfWhatWasSeen) this.#seen = undefined;
  }

  /** It was read so, or written. False when it is not what it was: older, or of another bucket. */
  stood(bucketCreatedMs: number, revision: number): boolean {
    const now = { bucketCreatedMs, revision };
    const before = this.#seen;
    if (before?.bucketCreatedMs === bucketCreatedMs && revision < before.revision) return false;
    this.#seen = now;
    if (before === undefined || before.bucketCreatedMs === bucketCreatedMs) return true;
    const kind = bucketCreatedMs > before.bucketCreatedMs ? 'recreated' : 'putBack';
    this.#otherBucket ??= { kind, before, now };
    return false;
  }

  /** Nobody's lease any more: from before what stood there last, or from before a term that has begun since. */
  isOrphan(bucketCreatedMs: number, entry: LeaseEntry): boolean {
    return (
      this.#isBehind(bucketCreatedMs, entry) ||
      this.eraAfter(bucketCreatedMs, entry) !== entry.record?.era
    );
  }

  /** The first half of the epoch of a term that begins upon that entry, where the bucket's own creation time is too early. */
  eraAfter(bucketCreatedMs: number, { revision, record }: LeaseEntry): number | undefined {
    const era = record?.era;
    const next = { bucketCreatedMs: Math.max(bucketCreatedMs, era ?? 0), revision: revision + 1 };
    return compareEpochs(next, this.#latest) > 0 ? era : this.#latest.bucketCreatedMs + 1;
  }

  /**
   * To be asked of each write that begins a term and stands, before `stood` and `heard`: who reads may be shown what is
   * old, by a server that is cut off; what that one writes does not stand. `isRaised`: it begins another era than the
   * entry before it.
   */
  setbackOf(now: Epoch, isRaised: boolean): LeaseSetback | undefined {
    if (this.#otherBucket !== undefined) return { ...this.#otherBucket, now };
    if (this.#isBehind(now.bucketCreatedMs, now) && this.#seen !== undefined) {
      return { kind: 'putBack', before: this.#seen, now };
    }
    // Who has just started has seen nothing yet, but may know of terms.
    return isRaised ? { kind: 'putBack', before: this.#latest, now } : undefined;
  }

  #isBehind(bucketCreatedMs: number, { revision }: { readonly revision: number }): boolean {
    const seen = this.#seen;
    return seen?.bucketCreatedMs === bucketCreatedMs && revision < seen.revision;
  }
}
