// Owns the rules in force: read at the start and again when told to. A file that went bad changes nothing.
import type { Outcome } from '@parley/protocol/errors';
import type { Logger } from '@parley/telemetry/logger';
import type { AuthorizationRules } from './authorization.ts';

export type ReadRules = () => Promise<Outcome<AuthorizationRules>>;

export class AuthorizationSource {
  readonly #read: ReadRules | undefined;
  readonly #logger: Logger;
  #rules: AuthorizationRules | undefined;
  #readings = 0;

  /** Without `read` there are no rules: all that the bus lets through is allowed. */
  constructor(read: ReadRules | undefined, logger: Logger) {
    this.#read = read;
    this.#logger = logger;
  }

  rules(): AuthorizationRules | undefined {
    return this.#rules;
  }

  /** Fails as `read` does; the rules are those of before then. */
  async reload(): Promise<Outcome<undefined>> {
    if (this.#read === undefined) {
      this.#logger.info(
        'no authorization file was named: all that the bus lets through is allowed',
      );
      return { ok: true, value: undefined };
    }
    this.#readings += 1;
    const reading = this.#readings;
    const read = await this.#read();
    // A later one has begun meanwhile, and knows better.
    if (reading !== this.#readings) return { ok: true, value: undefined };
    if (!read.ok) {
      if (this.#rules !== undefined) {
        const { failure } = read;
        this.#logger.error({ failure }, 'the authorization file is bad: the old rules stay');
      }
      return read;
    }
    this.#rules = read.value;
    const { rules, otherwise } = read.value;
    this.#logger.info({ rules: rules.length, otherwise }, 'authorization rules read');
    return { ok: true, value: undefined };
  }
}
