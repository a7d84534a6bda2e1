// Owns how a walk over a message ends early: with the path of the field that is wrong.

/** Where in the message: names of fields, positions in lists, keys of maps. Pushed and popped by the walks. */
export type Path = (number | string)[];

export class Malformed extends Error {
  constructor(path: Path, why: string) {
    super(`${path.length === 0 ? 'message' : path.join('.')} ${why}`);
  }
}
