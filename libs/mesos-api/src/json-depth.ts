// Owns the bound on how deeply JSON may nest, checked before it is parsed: what walks it afterwards may recurse.
import { Malformed } from './malformed.ts';

/** As many levels as protobuf decoders allow. */
const MAX_DEPTH = 100;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function checkJsonDepth(text: string): void {
  let depth = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = endOfString(text, index);
    else if (code === 0x5b || code === 0x7b) depth += 1;
    else if (code === 0x5d || code === 0x7d) depth -= 1;
    if (depth > MAX_DEPTH) throw new Malformed([], `nests deeper than ${MAX_DEPTH} levels`);
  }
}

/** The position of the quote that ends the string which begins here; the end of the text if none does. */
function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index;
    if (code === BACKSLASH) index += 1;
  }
  return text.length;
}
