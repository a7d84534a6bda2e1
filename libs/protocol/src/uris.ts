// Owns the shape of what an agent fetches into a sandbox before it starts a command. What it may be fetched from, the agent's
// operator says. Mesos docs, "Fetcher", whose `URI` this is, with a checksum.
import * as z from 'zod';
import { SandboxPath } from './sandbox-path.ts';

const SCHEMES = ['http:', 'https:', 'file:'];

/** No user and password: descriptions are shown to people. */
function isFetchable(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, host } = new URL(text);
  return (
    SCHEMES.includes(protocol) &&
    `${username}${password}` === '' &&
    (protocol !== 'file:' || host === '')
  );
}

export const FetchAddress = z
  .string()
  .max(2048)
  .refine(isFetchable, 'must be an http:, https: or file: address without user and password');

/** As image layouts write it too. */
export const Sha256 = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits in lower case');

export const Uri = z.object({
  value: FetchAddress,
  /** A file that may be executed; it is not unpacked. */
  executable: z.boolean().default(false),
  /** Unpacked when it is named like an archive: .tar, .tar.gz, .tgz, .tar.bz2, .tbz2, .tar.xz, .txz, .tar.zst, .zip. */
  extract: z.boolean().default(true),
  /** Kept on the agent for the next task that asks for the same. */
  cache: z.boolean().default(false),
  /** Of what is fetched, before it is unpacked; anything else is refused. */
  checksum: Sha256.optional(),
  /** Of an archive, the directory that it is unpacked into; without it the sandbox. */
  outputFile: SandboxPath.optional(),
});
export type Uri = z.infer<typeof Uri>;

/** In a description; of one that has none the field is missing. */
export const Uris = z.array(Uri).max(256);
