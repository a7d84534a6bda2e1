// Owns how a fetch fails: in time or not at all, said for the framework's eyes.
export class FetchFailure extends Error {
  readonly code: 'fetchFailed' | 'fetchTimeout';

  constructor(message: string, code: FetchFailure['code'] = 'fetchFailed') {
    super(message);
    this.code = code;
  }
}
