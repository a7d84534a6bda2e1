// Owns what kinds of credentials can be made and revoked on a running cluster, and what every such command is told.

import type { Distribution } from './account-distribution.ts';

/** A provisioner makes the others, and is made once. */
export const CREDENTIAL_KINDS = [
  'agent',
  'principal',
  'operator',
  'master',
  'allocator',
  'emulator',
] as const;
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

export type CredentialCommand = {
  readonly context: string | undefined;
  readonly distribution: Distribution;
  readonly waitMs: number;
  readonly json: boolean;
};
