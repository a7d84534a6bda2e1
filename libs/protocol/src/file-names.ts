// Owns how names of files, which are bytes of any kind, are written for people and read again. Whoever lists a directory
// of somebody else's shows what stands there, and nothing in it moves the cursor or looks like another name.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
/** Controls, what is not assigned, and what orders text otherwise than it is written; and the sign of an escape. */
const UNSHOWN = /[\p{C}\p{Zl}\p{Zp}\\]/gu;
const ESCAPE = /^(?:\\x([0-9a-fA-F]{2})|\\(\\))/;

/** What is printable stands for itself, a backslash is `\\`, every other byte `\xNN`. `readName` is the way back. */
export function showName(name: Uint8Array): string {
  try {
    return decoder.decode(name).replace(UNSHOWN, escaped);
  } catch {
    // Not UTF-8: then only what is ASCII is surely what it looks like.
    return Array.from(name, (byte) =>
      byte < 0x80 ? String.fromCharCode(byte).replace(UNSHOWN, escaped) : hex(byte),
    ).join('');
  }
}

/** The bytes that `showName` shows so; undefined where a backslash begins nothing that it writes. */
export function readName(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes: number[] = [];
  for (let rest = text; rest !== ''; ) {
    const escaping = ESCAPE.exec(rest);
    if (escaping === null) {
      const [character = ''] = rest;
      if (character === '\\') return undefined;
      bytes.push(...encoder.encode(character));
      rest = rest.slice(character.length);
      continue;
    }
    bytes.push(escaping[1] === undefined ? 0x5c : Number.parseInt(escaping[1], 16));
    rest = rest.slice(escaping[0].length);
  }
  return Uint8Array.from(bytes);
}

const escaped = (character: string): string =>
  character === '\\' ? '\\\\' : Array.from(encoder.encode(character), hex).join('');

const hex = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;
