// Owns who is behind a request: the vocabulary of access that every group of routes asks in.
import type { Permission } from '@parley/operator-sdk/gateway-users';
import type { Outcome } from '@parley/protocol/errors';
import type { PrincipalName } from '@parley/protocol/ids';
import type { FastifyRequest } from 'fastify';

export type { Permission } from '@parley/operator-sdk/gateway-users';

export type Visitor = {
  /** For the log. */
  readonly name: string;
  /** Whose frameworks it may run. Undefined: of whom the frameworks say, where nobody has to sign in. */
  readonly principal: PrincipalName | undefined;
  readonly permissions: ReadonlySet<Permission>;
};

export type Access = {
  /** Fails with `notPermitted`: nobody that is known; with `rateLimited` or `overloaded`: it tried too often. */
  visitorOf(request: FastifyRequest): Promise<Outcome<Visitor>>;
  /**
   * To be called for a request that was let in; the answer says, whenever it is asked later, who that would be by then:
   * undefined when nobody. Asking does not count as a use of a session.
   */
  stillBehind(request: FastifyRequest): () => Visitor | undefined;
};

/** Of whoever may do everything: at a gateway where nobody signs in, and who holds its sign-in file. */
export const ALL_PERMISSIONS: ReadonlySet<Permission> = new Set(['view', 'operate', 'framework']);
