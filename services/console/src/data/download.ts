// Owns taking away what comes in pieces: the whole of a file or of output, put together here.
import { askRaw } from './gateway.ts';

/** Of one answer, as the gateway allows it. */
const PIECE_BYTES = 512 * 1024;
/** What is larger is to be taken by the command line. */
const MAX_BYTES = 256 * 1024 * 1024;

/** `path`: in the API, with a query that lacks the range. Throws a `GatewayProblem`, or an `Error` where it is too large. */
export async function download(path: string, name: string): Promise<void> {
  const pieces: ArrayBuffer[] = [];
  let offset = 0;
  for (;;) {
    const answer = await askRaw(`${path}&offset=${offset}&length=${PIECE_BYTES}`);
    const piece = await answer.arrayBuffer();
    pieces.push(piece);
    offset += piece.byteLength;
    if (piece.byteLength === 0 || offset >= Number(answer.headers.get('X-Parley-Size'))) break;
    if (offset > MAX_BYTES)
      throw new Error('larger than a page takes: npx parley task files download');
  }
  save(new Blob(pieces), name);
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
