// Owns a replica: a core's state at a journal sequence, moved on entry by entry. Leader, standby, follower and
// simulator step through this one class, so that all of them reach the same state. It does no I/O.
import type { Epoch } from '@parley/protocol/epoch';
import { NO_EPOCH } from '@parley/protocol/epoch';
import { assert } from '@parley/protocol/unreachable';
import type { Core, JournalEntry, StepContext } from './core.ts';
import { fingerprintOf } from './input-check.ts';
import { type DecodedEntry, decodeEntry } from './journal-entry.ts';

/**
 * An input that made a step throw: every replica leaves it out. Index -1 is the entry's `begin`, the number of
 * inputs its `finish`.
 */
export type SkippedInput = { readonly sequence: number; readonly index: number };

export type Skipped = SkippedInput & {
  /** As journalled; undefined for `begin` and `finish`. */
  readonly input: unknown;
  readonly why: string;
};

export type ApplyResult<Effect> =
  | {
      readonly kind: 'applied';
      readonly effects: Effect[];
      readonly skipped: readonly Skipped[];
      readonly context: StepContext;
    }
  /** A step threw: the state is undefined now. Rebuild from a snapshot, `skip` this, and apply again. */
  | { readonly kind: 'broken'; readonly skip: SkippedInput; readonly error: unknown }
  /** This release cannot step the entry; the state is as before. */
  | { readonly kind: 'unknownRules'; readonly message: string }
  /** The bytes are not those that were written for this place; the state is as before. */
  | CorruptEntry;

export type CorruptEntry = {
  readonly kind: 'corrupt';
  readonly sequence: number;
  readonly message: string;
};

export type ReplicaStart<State> = {
  readonly state: State;
  readonly sequence: number;
  readonly coreTimeMs: number;
  readonly epoch: Epoch;
  /** Of the last applied entry. */
  readonly rulesVersion: number;
  readonly skips: readonly SkippedInput[];
  /** Checksum of the last applied entry, where it is known. */
  readonly entryChecksum?: string | undefined;
};

export class Replica<State, Input, Effect> {
  readonly core: Core<State, Input, Effect>;
  readonly state: State;
  readonly #skips = new Map<string, SkippedInput>();
  #sequence: number;
  #coreTimeMs: number;
  #epoch: Epoch;
  /** Undefined before the first entry: any rules may begin. */
  #rulesVersion: number | undefined;
  #entryChecksum: string | undefined;
  #broken = false;
  #snapshotSequence: number;
  #appliedBytes = 0;
  #bytesAtSnapshot = 0;

  constructor(core: Core<State, Input, Effect>, start?: ReplicaStart<State>) {
    this.core = core;
    this.state = start?.state ?? core.create();
    this.#sequence = start?.sequence ?? 0;
    this.#snapshotSequence = this.#sequence;
    this.#coreTimeMs = start?.coreTimeMs ?? 0;
    this.#epoch = start?.epoch ?? NO_EPOCH;
    this.#rulesVersion = start?.rulesVersion;
    this.#entryChecksum = start?.entryChecksum;
    for (const skip of start?.skips ?? []) this.skip(skip);
  }

  /**
   * Of new books that go on behind entry `sequence` of a journal whose past is lost. The next entry names no entry that
   * there ever was as the one before it, so no replica of that past steps it.
   */
  static anew<State, Input, Effect>(
    core: Core<State, Input, Effect>,
    sequence: number,
    coreTimeMs: number,
  ): Replica<State, Input, Effect> {
    return new Replica(core, {
      state: core.create(),
      sequence,
      coreTimeMs,
      epoch: NO_EPOCH,
      rulesVersion: core.rulesVersion,
      skips: [],
      entryChecksum: NO_ENTRY,
    });
  }

  /** Sequence of the last applied entry; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Core time of the last applied entry, milliseconds. */
  get coreTimeMs(): number {
    return this.#coreTimeMs;
  }

  /** Epoch of the last applied entry. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /** Rules of the last applied entry: the next one has these or newer ones. Before the first, the newest that are known. */
  get rulesVersion(): number {
    return this.#rulesVersion ?? this.core.rulesVersion;
  }

  /** Checksum of the last applied entry: the next one names it. Undefined before the first, and after one without. */
  get entryChecksum(): string | undefined {
    return this.#entryChecksum;
  }

  /** What was left out so far; part of every snapshot. */
  get skips(): readonly SkippedInput[] {
    return [...this.#skips.values()];
  }

  /** Of the newest snapshot that this replica was made of, or that was noted since. */
  get snapshotSequence(): number {
    return this.#snapshotSequence;
  }

  /** Of all entries that it has stepped. */
  get appliedBytes(): number {
    return this.#appliedBytes;
  }

  /** Of those since that snapshot: another replica would have to step them to become this one. */
  get bytesSinceSnapshot(): number {
    return this.#appliedBytes - this.#bytesAtSnapshot;
  }

  snapshotNoted(sequence: number): void {
    this.#snapshotSequence = Math.max(sequence, this.#snapshotSequence);
    this.#bytesAtSnapshot = this.#appliedBytes;
  }

  /** A step threw: the state is undefined. */
  get isBroken(): boolean {
    return this.#broken;
  }

  skip(input: SkippedInput): void {
    this.#skips.set(skipKey(input.sequence, input.index), input);
  }

  /** Hexadecimal hash of the state. */
  hash(): string {
    return this.core.hash(this.state);
  }

  /**
   * Steps one entry; it must be the next one.
   * Rethrows RangeErrors: they are what a full stack or heap looks like, which says nothing about the input,
   * so the process must end instead of leaving the input out.
   */
  apply(sequence: number, bytes: Uint8Array): ApplyResult<Effect> {
    assert(!this.#broken, 'a broken replica must be rebuilt');
    assert(sequence === this.#sequence + 1, `entry ${sequence} after ${this.#sequence}`);
    const entry = decodeEntry(bytes);
    if (!entry.ok) return corrupt(sequence, entry.failure.message);
    const misfit = this.#misfitOf(sequence, entry.value);
    if (misfit !== undefined) return corrupt(sequence, misfit);
    const { rulesVersion, coreTimeMs, wallTimeMs, epoch } = entry.value;
    if (!knowsRules(this.core, rulesVersion)) {
      const what = `journal entry ${sequence} was written under`;
      return { kind: 'unknownRules', message: unknownRules(what, rulesVersion, this.core) };
    }
    // A clock that went back in one entry must not take the state back with it.
    const context = {
      sequence,
      epoch,
      coreTimeMs: Math.max(coreTimeMs, this.#coreTimeMs),
      wallTimeMs,
      rulesVersion,
    };
    const result = this.#stepAll(context, entry.value);
    if (result.kind === 'applied') {
      this.#sequence = sequence;
      this.#appliedBytes += bytes.length;
      this.#coreTimeMs = context.coreTimeMs;
      this.#epoch = epoch;
      this.#rulesVersion = rulesVersion;
      this.#entryChecksum = entry.value.checksum;
    }
    return result;
  }

  /** Why a whole entry does not belong here: another's place, or another history than the one that was stepped. */
  #misfitOf(sequence: number, entry: DecodedEntry): string | undefined {
    if (entry.checksum === undefined && entry.rulesVersion > LAST_RULES_WITHOUT_CHECKSUM) {
      return `it has no checksum under rules version ${entry.rulesVersion}`;
    }
    if (entry.sequence !== undefined && entry.sequence !== sequence) {
      return `it was written as entry ${entry.sequence}`;
    }
    if (entry.rulesVersion < (this.#rulesVersion ?? 0)) {
      return `it was written under rules version ${entry.rulesVersion} after version ${this.#rulesVersion}`;
    }
    const isSuccessor =
      entry.previous === undefined ||
      this.#entryChecksum === undefined ||
      entry.previous === this.#entryChecksum;
    return isSuccessor ? undefined : 'it was written after another entry than the one before it';
  }

  #stepAll(context: StepContext, entry: DecodedEntry): ApplyResult<Effect> {
    // The checksum vouches for the bytes, the fingerprint for what their writer did before it wrote them.
    const isChecked =
      entry.checksum !== undefined && entry.inputSchema === fingerprintOf(this.core.inputSchema);
    const effects: Effect[] = [];
    const skipped: Skipped[] = [];
    const last = entry.inputs.length;
    for (let index = -1; index <= last; index += 1) {
      const input = entry.inputs[index];
      if (this.#skips.size > 0 && this.#skips.has(skipKey(context.sequence, index))) {
        skipped.push({ sequence: context.sequence, index, input, why: 'a step of it threw' });
        continue;
      }
      try {
        const stepped = this.#stepOne(context, entry, index, isChecked);
        if (stepped.ok) for (const effect of stepped.effects) effects.push(effect);
        else skipped.push({ sequence: context.sequence, index, input, why: stepped.why });
      } catch (error) {
        if (error instanceof RangeError) throw error;
        this.#broken = true;
        return { kind: 'broken', skip: { sequence: context.sequence, index }, error };
      }
    }
    return { kind: 'applied', effects, skipped, context };
  }

  #stepOne(
    context: StepContext,
    entry: JournalEntry,
    index: number,
    isChecked: boolean,
  ): { ok: true; effects: Effect[] } | { ok: false; why: string } {
    if (index === -1) return { ok: true, effects: this.core.begin(this.state, context) };
    if (index === entry.inputs.length) {
      return { ok: true, effects: this.core.finish(this.state, context) };
    }
    if (isChecked) {
      const input = entry.inputs[index] as Input;
      return { ok: true, effects: this.core.step(this.state, context, input) };
    }
    const input = this.core.inputSchema.safeParse(entry.inputs[index]);
    // The state was not touched, so leaving it out needs no rebuilding.
    if (!input.success) return { ok: false, why: `not an input: ${input.error.message}` };
    return { ok: true, effects: this.core.step(this.state, context, input.data) };
  }
}

/** What helps against books that cannot be used, to be put into a sentence. */
const MAKE_ANEW =
  'delete the streams of journal and snapshots and run "parley init": the books are then made anew from agents, ' +
  'frameworks and the settings that are kept beside them.';

/** A release carries over what the one before it wrote, not what is older. */
const BEGIN_ANEW = `Go on with a release that knows it, or upgrade one release at a time; or ${MAKE_ANEW}`;

/** The checksum of none. */
const NO_ENTRY = '0'.repeat(32);

/** Releases of these rules and before wrote entries without one. */
const LAST_RULES_WITHOUT_CHECKSUM = 3;

const corrupt = (sequence: number, why: string): CorruptEntry => ({
  kind: 'corrupt',
  sequence,
  message: `entry ${sequence} of the journal is damaged: ${why}`,
});

const skipKey = (sequence: number, index: number): string => `${sequence}/${index}`;

type KnownRules = {
  readonly rulesVersion: number;
  readonly oldestRulesVersion: number;
};

export const knowsRules = (core: KnownRules, rulesVersion: number): boolean =>
  rulesVersion >= core.oldestRulesVersion && rulesVersion <= core.rulesVersion;

/** What is wrong and what to do about it. `what` ends before the version. */
export function unknownRules(what: string, rulesVersion: number, core: KnownRules): string {
  const { oldestRulesVersion: oldest, rulesVersion: newest } = core;
  const known = oldest === newest ? `version ${newest}` : `versions ${oldest} to ${newest}`;
  const remedy =
    rulesVersion > newest ? `Start a release that knows version ${rulesVersion}.` : BEGIN_ANEW;
  return `${what} rules version ${rulesVersion}; this release knows ${known}. ${remedy}`;
}
