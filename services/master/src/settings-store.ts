// Owns the port to where what operators have set is kept beside the books. The NATS adapter is settings-bucket.ts.
import type { KeptSetting } from '@parley/cluster/inputs';
import type { Outcome } from '@parley/protocol/errors';
import type { BooksMoment } from './best-settings.ts';

export type PartContent = {
  readonly part: number;
  readonly items: readonly KeptSetting[];
};

/** As of one look. While nobody removes anything, the counts only grow. */
export type StoreLook = {
  /** Of what holds the parts: another one is another store. */
  readonly createdMs: number;
  readonly parts: number;
  readonly lastSequence: number;
};

export type KeptParts = {
  readonly items: readonly KeptSetting[];
  /** The last write; undefined: nothing was ever written. */
  readonly newest: BooksMoment | undefined;
};

export interface SettingsStore {
  /** A part that is no good is told and left out. Fails with `unavailable`. */
  readAll(onBad: (subject: string) => void): Promise<Outcome<KeptParts>>;
  /** `asOf`: of the books that it is from. Nothing happens where it is there already. Fails with `unavailable` or `diskFull`. */
  write(content: PartContent, asOf: BooksMoment): Promise<Outcome<undefined>>;
  /** Undefined: there is none. Fails with `unavailable`. */
  look(): Promise<Outcome<StoreLook | undefined>>;
}
