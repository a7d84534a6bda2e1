// Owns what experiments in virtual time may be told, and where their pictures go.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const VIRTUAL_OPTIONS = { pictures: { type: 'string' }, seed: { type: 'string' } } as const;

/** Throws where it is no whole number. */
export function readSeed({ seed = '1' }: Readonly<Record<string, string | undefined>>): number {
  const value = Number(seed);
  if (/^\d+$/.test(seed) && Number.isSafeInteger(value)) return value;
  throw new Error(`--seed takes a whole number, not "${seed}"`);
}

/** As `NAME.svg` in the folder, which is made where it is not there. */
export function writePicture(folder: string, name: string, picture: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.svg`), picture);
}
