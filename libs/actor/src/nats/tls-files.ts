// Owns reading the PEM files of a connection: whose certificates are trusted, and the client's own. A damaged file is told
// here, with its name; later the server's refusal would be all there is.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ParseArgsOptionsConfig } from 'node:util';
import type { TlsMaterial } from '@parley/protocol/credential';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

/** Paths. */
export type TlsFiles = {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
};

export const TLS_OPTIONS = {
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
} as const satisfies ParseArgsOptionsConfig;

export const TLS_USAGE = `  --tls-ca FILE      PEM: whose certificates of servers are trusted; wins over the credential file, else those that the system trusts
  --tls-cert FILE    PEM: the certificate to show to servers that want one; with --tls-key FILE`;

type TlsValues = Readonly<Record<string, unknown>>;

/** From values of `TLS_OPTIONS`; others among them are passed over. Fails as `readTlsFiles` does. */
export function readTlsOptions(values: TlsValues): Outcome<TlsMaterial | undefined> {
  const { 'tls-ca': ca, 'tls-cert': cert, 'tls-key': key } = values;
  return readTlsFiles({
    ...(typeof ca === 'string' && { ca }),
    ...(typeof cert === 'string' && { cert }),
    ...(typeof key === 'string' && { key }),
  });
}

/** Undefined without any file. Fails with `malformed` or `unavailable` (not readable); the message names option and file. */
export function readTlsFiles(files: TlsFiles): Outcome<TlsMaterial | undefined> {
  if ((files.cert === undefined) !== (files.key === undefined)) {
    return fail('malformed', '--tls-cert and --tls-key are given together or not at all');
  }
  const material: { ca?: string; cert?: string; key?: string } = {};
  for (const part of ['ca', 'cert', 'key'] as const) {
    const path = files[part];
    if (path === undefined) continue;
    const text = readPem(part, path);
    if (!text.ok) return text;
    material[part] = text.value;
  }
  return succeed(Object.keys(material).length === 0 ? undefined : material);
}

function readPem(part: keyof TlsFiles, path: string): Outcome<string> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail('unavailable', `--tls-${part} ${path} cannot be read: ${why}`);
  }
  try {
    if (part === 'key') createPrivateKey(text);
    else new X509Certificate(text);
    return succeed(text);
  } catch {
    const wanted = part === 'key' ? 'private key' : 'certificate';
    return fail('malformed', `--tls-${part} ${path} holds no ${wanted} in PEM`);
  }
}
