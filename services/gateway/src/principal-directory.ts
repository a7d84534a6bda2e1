// Owns which principals a gateway can act for: those whose credential files lie in one directory. A file that is added
// is found when it is asked for; what a credential says never leaves here but into a connection.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { type Identity, readCredentialFile } from '@parley/actor/nats/credential-file';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { PrincipalName } from '@parley/protocol/ids';

export class PrincipalDirectory {
  readonly #directory: string | undefined;
  readonly #servers: readonly string[];

  /** `servers`: those of the gateway, also where a file names others. */
  constructor(directory: string | undefined, servers: readonly string[]) {
    this.#directory = directory;
    this.#servers = servers;
  }

  /** The file of that principal's credential. Fails with `notPermitted` or `unavailable`. */
  credentialOf(principal: PrincipalName): Outcome<Identity> {
    if (this.#directory === undefined) {
      const why = 'this gateway was given no credentials of principals (--principals)';
      return fail('notPermitted', why);
    }
    const found = this.#all().find(({ actor }) => actor.id === principal);
    if (found !== undefined) return succeed(found);
    return fail('notPermitted', `this gateway has no credential of the principal ${principal}`);
  }

  /** Of all whose credentials are there, sorted. */
  names(): readonly string[] {
    return this.#all()
      .map(({ actor }) => actor.id)
      .sort();
  }

  #all(): Identity[] {
    if (this.#directory === undefined) return [];
    const directory = this.#directory;
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => readCredentialFile(path.join(directory, name), { servers: this.#servers }))
      .flatMap((identity) => (identity.ok ? [identity.value] : []))
      .filter(({ actor }) => actor.kind === 'principal');
  }
}
