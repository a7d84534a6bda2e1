// Owns which paths are asked for in a sandbox at all. Everything else about them is found out by opening.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { showName } from '@parley/protocol/file-names';

const SLASH = 0x2f;
const DELETE = 0x7f;
const FIRST_PRINTABLE = 0x20;

/** The names on the way from the sandbox; none for the sandbox itself. Fails with `notPermitted`. */
export function parsePath(bytes: Uint8Array): Outcome<readonly Buffer[]> {
  const path = Buffer.from(bytes);
  if (path[0] === SLASH) {
    return refuse(path, 'begins with "/"', 'name it from the sandbox on, such as "out/log.txt"');
  }
  if (path.some((byte) => byte < FIRST_PRINTABLE || byte === DELETE)) {
    const why = 'holds a newline or another control character';
    return refuse(path, why, 'rename the file in the task, or list the directory to see its names');
  }
  const parts = partsOf(path);
  if (parts.some((part) => part.equals(Buffer.from('..')))) {
    return refuse(path, 'holds ".."', 'name a file in the sandbox without it');
  }
  return succeed(parts);
}

/** Words of a refusal: what, why, what to do. */
export function refuse(path: Uint8Array, why: string, remedy: string): ReturnType<typeof fail> {
  return fail('notPermitted', `"${showName(path)}" is not opened: it ${why}; ${remedy}`);
}

function partsOf(path: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let begin = 0; begin <= path.length; ) {
    const slash = path.indexOf(SLASH, begin);
    const end = slash < 0 ? path.length : slash;
    const part = path.subarray(begin, end);
    if (part.length > 0 && !part.equals(Buffer.from('.'))) parts.push(part);
    begin = end + 1;
  }
  return parts;
}
