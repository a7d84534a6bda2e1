// Owns what a gateway is told at its start beside what every service is told, and what of it is refused.
import { SERVICE_USAGE } from '@parley/actor/service-arguments';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { AgentId, PrincipalName } from '@parley/protocol/ids';
import * as z from 'zod';

export const GATEWAY_OPTIONS = {
  listen: { type: 'string', default: '127.0.0.1:5050' },
  principals: { type: 'string' },
  'default-principal': { type: 'string' },
  users: { type: 'string' },
  'sign-in-file': { type: 'string' },
  'host-name': { type: 'string', multiple: true },
  'tls-server-cert': { type: 'string' },
  'tls-server-key': { type: 'string' },
  'plain-http': { type: 'boolean' },
  'for-agent': { type: 'string' },
} as const;

export const USAGE = `usage: parley gateway --creds FILE [options]
       parley gateway --window FILE [--listen HOST:PORT]
${SERVICE_USAGE}
  --listen HOST:PORT          where it answers HTTP (default: 127.0.0.1:5050); another address than loopback needs --users and TLS
  --principals DIR            credential files of the principals whose frameworks it may carry
  --default-principal NAME    whose a framework is that names no principal and that nobody signed in for
  --users FILE                who may sign in, and what each may do; without it and --sign-in-file everybody may do everything
  --sign-in-file FILE         is written: a link that signs a browser in once, a token for scripts (JSON: link, token)
  --host-name NAME            a name by which it is addressed, beside its addresses and localhost; may be repeated
  --tls-server-cert FILE      PEM: its certificate and those above it; then it answers https
  --tls-server-key FILE       PEM: its key
  --plain-http                without TLS on another address than loopback: passwords are in clear unless something
                              before the gateway ends TLS
  --window FILE               shows an exported window of a cluster in a browser; takes no cluster and nothing else
  --for-agent ID              offers that agent's executor and container paths; to be run on the agent's host`;

export type GatewayConfig = {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly principalsDirectory: string | undefined;
  readonly defaultPrincipal: PrincipalName | undefined;
  readonly usersFile: string | undefined;
  readonly signInFile: string | undefined;
  /** In small letters. */
  readonly hostNames: ReadonlySet<string>;
  readonly tls: TlsFiles | undefined;
  readonly agentId: AgentId | undefined;
};

export type TlsFiles = { readonly certificateFile: string; readonly keyFile: string };

/** Fails with `malformed`; the message names the option. */
export function readGatewayConfig(own: Readonly<Record<string, unknown>>): Outcome<GatewayConfig> {
  const place = readPlace(String(own['listen']));
  if (!place.ok) return place;
  const defaultPrincipal = PrincipalName.optional().safeParse(own['default-principal']);
  if (!defaultPrincipal.success)
    return fail('malformed', '--default-principal: not the name of a principal');
  const agentId = AgentId.optional().safeParse(own['for-agent']);
  if (!agentId.success) return fail('malformed', '--for-agent: not the id of an agent');
  const tls = readTls(own);
  if (!tls.ok) return tls;
  const usersFile = textOf(own['users']);
  const { host, port } = place.value;
  const isEnough = checkReach(host, {
    ...{ usersFile, tls: tls.value },
    isPlain: own['plain-http'] === true,
  });
  if (!isEnough.ok) return isEnough;
  const names = z.array(z.string()).default([]).parse(own['host-name']);
  return succeed({
    host,
    port,
    usersFile,
    signInFile: textOf(own['sign-in-file']),
    hostNames: new Set(names.map((name) => name.toLowerCase())),
    tls: tls.value,
    principalsDirectory: textOf(own['principals']),
    defaultPrincipal: defaultPrincipal.data,
    agentId: agentId.data,
  });
}

function readTls(own: Readonly<Record<string, unknown>>): Outcome<TlsFiles | undefined> {
  const certificateFile = textOf(own['tls-server-cert']);
  const keyFile = textOf(own['tls-server-key']);
  if (certificateFile !== undefined && keyFile !== undefined) {
    return succeed({ certificateFile, keyFile });
  }
  if (certificateFile === keyFile) return succeed(undefined);
  return fail('malformed', '--tls-server-cert and --tls-server-key: one needs the other');
}

/** Beyond this host everybody has to sign in, and not in clear. */
function checkReach(
  host: string,
  {
    usersFile,
    tls,
    isPlain,
  }: {
    readonly usersFile: string | undefined;
    readonly tls: TlsFiles | undefined;
    readonly isPlain: boolean;
  },
): Outcome<undefined> {
  if (isLoopback(host)) return succeed(undefined);
  if (usersFile === undefined) {
    return fail(
      'malformed',
      `--listen ${host}: whoever reaches it could do everything; say with --users who may sign in, or listen on 127.0.0.1`,
    );
  }
  if (tls !== undefined || isPlain) return succeed(undefined);
  return fail(
    'malformed',
    `--listen ${host}: passwords would cross the network in clear; give --tls-server-cert and --tls-server-key, or --plain-http where something before the gateway ends TLS`,
  );
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** `localhost` is not one: what it means is told by a file that others may write. */
const isLoopback = (host: string): boolean => host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

const PLACE = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/;

function readPlace(text: string): Outcome<{ readonly host: string; readonly port: number }> {
  const [, six, other, digits] = PLACE.exec(text) ?? [];
  const host = six ?? other;
  const port = Number(digits);
  if (host !== undefined && port <= 65_535) return succeed({ host, port });
  return fail('malformed', `--listen ${text}: must be such as 127.0.0.1:5050 or [::1]:5050`);
}
