// Owns the port to where what operators have set is kept beside the books. The NATS adapter is settings-bucket.ts.
import type { KeptSetting } from '@parley/cluster/inputs';
import type { Outcome } from '@parley/protocol/errors';

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

export interface SettingsStore {
  /** A part that is no good is told and left out. Fails with `unavailable`. */
  readAll(onBad: (subject: string) => void): Promise<Outcome<KeptSetting[]>>;
  /** Nothing happens where it is there already. Fails with `unavailable` or `diskFull`. */
  write(content: PartContent, sequence: number): Promise<Outcome<undefined>>;
  /** Undefined: there is none. Fails with `unavailable`. */
  look(): Promise<Outcome<StoreLook | undefined>>;
}
