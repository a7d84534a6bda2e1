// Owns the text of a nats-server's configuration, the embedded one's or a node's of several: pure, values in, text out.
// Accounts, what passes between them and users' rights are decided in @parley/protocol; keys are made in credentials.ts.
import {
  BOOKS_ACCOUNT,
  CONTROL_ACCOUNT,
  type ImportingAccount,
  type Passage,
  passagesOf,
  principalAccount,
  WORK_ACCOUNT,
} from '@parley/protocol/accounts';
import type { ClusterName, PrincipalName } from '@parley/protocol/ids';
import type { Permissions, User } from '@parley/protocol/permissions';

export type ServerUser = User & { readonly publicKey: string };

/** Certificate and key of a server, and who is trusted; PEM files. */
export type ServerTls = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  /** Who connects must show a certificate of that authority too. */
  readonly verify: boolean;
};

/** What makes one server a node of a NATS cluster. */
export type NodeRoutes = {
  /** Name of the NATS cluster: the same on every node. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** host:port of the other nodes. */
  readonly others: readonly string[];
  /** Whoever knows it may join as a node, and is then trusted with everything. */
  readonly secret: string;
  /** host:port under which other nodes tell of this one, where that is not its own. */
  readonly advertise?: string;
  /** Routes check each other's certificate always. */
  readonly tls?: Omit<ServerTls, 'verify'>;
};

/** One server, without its accounts. */
export type ServerNode = {
  /** Stays the same over restarts where there are routes: replicas are counted by it. */
  readonly serverName: string;
  /** Loopback without it. */
  readonly host?: string;
  readonly port: number;
  readonly storeDirectory: string;
  readonly logFile: string;
  readonly pidFile: string;
  /** What all streams together may reserve and use. */
  readonly maxFileBytes: number;
  /** `default`: writes are synced every two minutes, as the server does by itself. Without it before each is acknowledged. */
  readonly sync?: 'always' | 'default' | undefined;
  /** Of 127.0.0.1, without authentication: for measurements. Without it there is none. */
  readonly monitorPort?: number | undefined;
  readonly tls?: ServerTls;
  readonly routes?: NodeRoutes;
};

export type AccountsConfig = {
  readonly cluster: ClusterName;
  readonly principals: readonly PrincipalName[];
  readonly users: readonly ServerUser[];
};

export type ServerConfig = ServerNode & AccountsConfig;

/** As large as the server takes by default; every message of ours stays below it. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** Everything kept is on disk; consumers that live in memory need a little. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
/** A principal's account holds its update stream and its object bucket, and nothing that it could add. */
const PRINCIPAL_LIMITS = '{ max_streams: 2 }';
/** Signing a challenge and agreeing on keys: a busy machine may need longer than the default of two seconds. */
const HANDSHAKE_SECONDS = 20;
/** Nodes know each other by the secret; the name says nothing. */
const ROUTE_USER = 'route';

/** The configuration of a server whose accounts are this cluster's alone. */
export const renderConfig = (config: ServerConfig): string =>
  renderServer(config, `  system {}\n${renderAccounts(config)}`, 'system');

/**
 * Unless the node says otherwise every write is synced before it is acknowledged, and there is no monitoring port.
 * @param accounts what stands inside the `accounts` block
 */
export function renderServer(node: ServerNode, accounts: string, systemAccount: string): string {
  return `# Written at every start and reload; changes made here are lost.
server_name: ${quote(node.serverName)}
listen: ${quote(`${node.host ?? '127.0.0.1'}:${node.port}`)}
pid_file: ${quote(node.pidFile)}
log_file: ${quote(node.logFile)}
logfile_size_limit: 16777216
logfile_max_num: 3
max_payload: ${MAX_PAYLOAD_BYTES}
ping_interval: "15s"
ping_max: 3
write_deadline: "10s"
authorization { timeout: ${HANDSHAKE_SECONDS} }
${node.monitorPort === undefined ? '' : `http: "127.0.0.1:${node.monitorPort}"\n`}${node.tls === undefined ? '' : `${renderTls(node.tls)}\n`}jetstream {
  store_dir: ${quote(node.storeDirectory)}
${node.sync === 'default' ? '' : '  sync_interval: always\n'}  max_memory_store: ${MAX_MEMORY_BYTES}
  max_file_store: ${node.maxFileBytes}
}
${node.routes === undefined ? '' : `${renderRoutes(node.routes)}\n`}system_account: ${quote(systemAccount)}
accounts {
${accounts}
}
`;
}

function renderTls({ certFile, keyFile, caFile, verify }: ServerTls): string {
  return `tls {
  cert_file: ${quote(certFile)}
  key_file: ${quote(keyFile)}
  ca_file: ${quote(caFile)}
  verify: ${verify}
  timeout: ${HANDSHAKE_SECONDS}
}`;
}

function renderRoutes({ name, host, port, others, secret, advertise, tls }: NodeRoutes): string {
  const urls = others.map((other) => `nats-route://${ROUTE_USER}:${secret}@${other}`);
  return `cluster {
name: ${quote(name)}
listen: ${quote(`${host}:${port}`)}
${advertise === undefined ? '' : `advertise: ${quote(advertise)}\n`}authorization { user: ${ROUTE_USER}, password: ${quote(secret)}, timeout: ${HANDSHAKE_SECONDS} }
routes: [${urls.map(quote).join(', ')}]
${tls === undefined ? '' : `${renderTls({ ...tls, verify: true })}\n`}}`;
}

/** What a cluster needs inside the `accounts` block of a server's configuration: also of one that is not embedded. */
export function renderAccounts(config: AccountsConfig): string {
  const shared = [
    renderShared(CONTROL_ACCOUNT, false, config),
    renderShared(BOOKS_ACCOUNT, true, config),
    renderShared(WORK_ACCOUNT, false, config),
  ];
  return [...shared, ...config.principals.map((name) => renderPrincipal(name, config))].join('\n');
}

function renderShared(
  name: ImportingAccount,
  hasJetStream: boolean,
  config: AccountsConfig,
): string {
  const imports = config.principals.flatMap((principal) =>
    passagesOf(config.cluster, principal)
      .filter(({ importer }) => importer === name)
      .map((passage) => renderImport(principalAccount(principal), passage)),
  );
  return `  ${name} {
${hasJetStream ? '    jetstream: enabled\n' : ''}    imports: ${list(imports)}
    users: ${renderUsers(name, config.users)}
  }`;
}

function renderPrincipal(principal: PrincipalName, { cluster, users }: AccountsConfig): string {
  const name = principalAccount(principal);
  return `  ${quote(name)} {
    jetstream: ${PRINCIPAL_LIMITS}
    exports: ${list(passagesOf(cluster, principal).map(renderExport))}
    users: ${renderUsers(name, users)}
  }`;
}

function renderImport(account: string, { kind, subject, as }: Passage): string {
  const source = `{ account: ${quote(account)}, subject: ${quote(subject)} }`;
  return kind === 'stream' ? `{ stream: ${source} }` : `{ service: ${source}, to: ${quote(as)} }`;
}

function renderExport({ kind, subject, importer }: Passage): string {
  const source = `${quote(subject)}, accounts: [${importer}]`;
  if (kind === 'stream') return `{ stream: ${source} }`;
  return `{ service: ${source}, response_type: ${kind === 'answers' ? 'stream' : 'single'} }`;
}

const renderUsers = (account: string, users: readonly ServerUser[]): string =>
  list(
    users
      .filter((user) => user.account === account)
      .map(
        ({ publicKey, permissions }) =>
          `{ nkey: ${publicKey}, permissions: ${renderPermissions(permissions)} }`,
      ),
  );

const renderPermissions = ({ publish, subscribe, neverPublish }: Permissions): string =>
  `{ publish: ${renderAllowed(publish, neverPublish)}, subscribe: ${renderAllowed(subscribe)} }`;

/** An empty list of allowed subjects would allow everything. */
function renderAllowed(subjects: readonly string[], never: readonly string[] = []): string {
  if (subjects.length === 0) return '{ deny: [">"] }';
  const denied = never.length === 0 ? '' : `, deny: [${never.map(quote).join(', ')}]`;
  return `{ allow: [${subjects.map(quote).join(', ')}]${denied} }`;
}

const list = (items: readonly string[]): string =>
  items.length === 0 ? '[]' : `[\n${items.map((item) => `      ${item}`).join('\n')}\n    ]`;

/** The server's configuration has the escapes of JSON but for \\u; no name or path of ours may hold a control character. */
function quote(text: string): string {
  const quoted = JSON.stringify(text);
  if (/\\u[0-9a-f]{4}/.test(quoted)) {
    throw new Error(`a control character cannot stand in the server's configuration: ${quoted}`);
  }
  return quoted;
}
