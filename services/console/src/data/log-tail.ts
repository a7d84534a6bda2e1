// Owns one stream of a task's output as the page reads it: its end first, then what is added, in pieces from the gateway.
// A character that is cut between pieces is put together.
import { askRaw } from './gateway.ts';

const FIRST_BYTES = 64 * 1024;

export type LogPiece = { readonly text: string; readonly isEnded: boolean };

export class LogTail {
  readonly #path: string;
  readonly #decoder = new TextDecoder();
  #offset: number = -FIRST_BYTES;

  /** `path`: of the stream in the API, with its query. */
  constructor(path: string) {
    this.#path = path;
  }

  /** What was added since the last time; "" where nothing was. Throws a `GatewayProblem`. */
  async more(signal: AbortSignal): Promise<LogPiece> {
    const answer = await askRaw(`${this.#path}&offset=${this.#offset}&length=${FIRST_BYTES}`, {
      signal,
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    this.#offset = Number(answer.headers.get('X-Parley-Offset')) + bytes.length;
    const size = Number(answer.headers.get('X-Parley-Size'));
    const isEnded = answer.headers.get('X-Parley-Ended') === 'true' && this.#offset >= size;
    return { text: this.#decoder.decode(bytes, { stream: !isEnded }), isEnded };
  }
}
