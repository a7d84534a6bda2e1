// Owns how a fetch fails: in time or not at all, said for the framework's eyes.
export class FetchFailure extends Error {
  readonly code: 'fetchFailed' | 'fetchTimeout';

  constructor(message: string, code: FetchFailure['code'] = 'fetchFailed') {
    super(message);
    this.code = code;
  }
}

/** There is more of it than may be brought to the disk. `what`: such as `it is`. */
export class TooLarge extends FetchFailure {
  constructor(what: string, maxBytes: number) {
    super(`${what} larger than ${maxBytes} bytes, the limit (--fetch-limit)`);
  }
}
