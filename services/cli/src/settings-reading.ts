// Owns reading what operators have set as the bucket beside the books holds it, so that a copy of it is whole: each piece
// is what was written, and the pieces of a part that has several are of the same time. It knows no connection and no clock.
import { decodePiece } from '@parley/cluster/settings-part';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

/** What is damaged or torn is read again so often, and so long after. */
const TRIES = 10;
const AGAIN_MS = 300;
/** The pieces of a part are written one right after the other: none that came for so long means that all have come. */
const SETTLED_MS = 100;

export type StoredPiece = {
  /** Of the write that it is from. */
  readonly revision: number;
  readonly bytes: Uint8Array;
};

export type SettingsSource = {
  readonly subjects: () => Promise<Outcome<readonly string[]>>;
  /** Undefined: there is none. */
  readonly read: (subject: string) => Promise<Outcome<StoredPiece | undefined>>;
  readonly wait: (ms: number) => Promise<void>;
};

type Pieces = ReadonlyMap<string, StoredPiece>;
/** `isTransient`: it may be another when it is read again. */
type Read = Outcome<Pieces> & { readonly isTransient?: true };

/** By subject. Fails with `malformed` where something stays damaged, with `unavailable` otherwise. */
export async function readPieces(source: SettingsSource): Promise<Outcome<Pieces>> {
  let read = await readOnce(source);
  for (let tries = 1; read.isTransient === true && tries < TRIES; tries += 1) {
    await source.wait(AGAIN_MS);
    read = await readOnce(source);
  }
  return read.ok ? read : { ok: false, failure: read.failure };
}

async function readOnce(source: SettingsSource): Promise<Read> {
  const subjects = await source.subjects();
  if (!subjects.ok) return subjects;
  const pieces = new Map<string, StoredPiece>();
  for (const [part, ofPart] of Map.groupBy(subjects.value, partOf)) {
    const read = await readPart(source, part, ofPart);
    if (!read.ok) return read;
    for (const [subject, piece] of read.value) pieces.set(subject, piece);
  }
  return succeed(pieces);
}

async function readPart(
  source: SettingsSource,
  part: string,
  subjects: readonly string[],
): Promise<Read> {
  const read = await readAll(source, subjects);
  if (!read.ok) return read;
  const wanted = wantedPieces(part, read.value);
  if (!wanted.ok) return { ...wanted, isTransient: true };
  // One piece is written at once.
  if (subjects.length === 1 && wanted.value === 1) return read;
  await source.wait(SETTLED_MS);
  const again = await readAll(source, subjects);
  if (!again.ok) return again;
  const isSame =
    wanted.value <= subjects.length &&
    subjects.every((one) => read.value.get(one)?.revision === again.value.get(one)?.revision);
  if (isSame) return read;
  const torn = fail('unavailable', `${part} is written again and again meanwhile`);
  return { ...torn, isTransient: true };
}

async function readAll(
  source: SettingsSource,
  subjects: readonly string[],
): Promise<Outcome<Pieces>> {
  const pieces = new Map<string, StoredPiece>();
  for (const subject of subjects) {
    const read = await source.read(subject);
    if (!read.ok) return read;
    if (read.value !== undefined) pieces.set(subject, read.value);
  }
  return succeed(pieces);
}

/** How many make the part, as its first piece says. */
function wantedPieces(part: string, pieces: Pieces): Outcome<number> {
  let wanted = 1;
  for (const [subject, { bytes }] of pieces) {
    const piece = decodePiece(bytes);
    if (!piece.ok) return fail('malformed', `${subject} is damaged: ${piece.failure.message}`);
    if (subject === part) wanted = piece.value.pieces ?? 1;
  }
  return succeed(wanted);
}

/** The first piece is called as the part, the others have a number behind that. */
const partOf = (subject: string): string => subject.replace(/(part-\d+)-\d+$/, '$1');
