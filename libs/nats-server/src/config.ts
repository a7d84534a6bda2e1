// Owns the text of the embedded nats-server's configuration: pure, values in, text out.
// Which rights a user has is decided in @parley/protocol/permissions; keys are made in credentials.ts.
import type { Permissions } from '@parley/protocol/permissions';

export type ServerUser = { readonly publicKey: string; readonly permissions: Permissions };

export type ServerConfig = {
  readonly serverName: string;
  readonly port: number;
  readonly storeDirectory: string;
  readonly logFile: string;
  readonly pidFile: string;
  /** What all streams together may reserve and use. */
  readonly maxFileBytes: number;
  readonly control: readonly ServerUser[];
  readonly work: readonly ServerUser[];
};

/** As large as the server takes by default; every message of ours stays below it. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** Object stores and journal are on disk; consumers that live in memory need a little. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;

/** Two accounts that share nothing: `control` for the actors' messages, `work` for the data of tasks. Loopback only. */
export function renderConfig(config: ServerConfig): string {
  return `# Written by parley at every start and reload; changes made here are lost.
server_name: ${quote(config.serverName)}
listen: ${quote(`127.0.0.1:${config.port}`)}
pid_file: ${quote(config.pidFile)}
log_file: ${quote(config.logFile)}
logfile_size_limit: 16777216
logfile_max_num: 3
max_payload: ${MAX_PAYLOAD_BYTES}
ping_interval: "5s"
ping_max: 2
write_deadline: "10s"
# A busy machine may need longer than the default of two seconds to sign the challenge.
authorization { timeout: 20 }
jetstream {
  store_dir: ${quote(config.storeDirectory)}
  sync_interval: always
  max_memory_store: ${MAX_MEMORY_BYTES}
  max_file_store: ${config.maxFileBytes}
}
system_account: system
accounts {
  system {}
${renderAccount('control', config.control)}
${renderAccount('work', config.work)}
}
`;
}

function renderAccount(name: string, users: readonly ServerUser[]): string {
  return `  ${name} {
    jetstream: enabled
    users: [
${users.map(renderUser).join('\n')}
    ]
  }`;
}

function renderUser({ publicKey, permissions }: ServerUser): string {
  const publish = renderAllowed(permissions.publish);
  const subscribe = renderAllowed(permissions.subscribe);
  return `      { nkey: ${publicKey}, permissions: {
        publish: ${publish}
        subscribe: ${subscribe}
      } }`;
}

/** An empty list of allowed subjects would allow everything. */
function renderAllowed(subjects: readonly string[]): string {
  if (subjects.length === 0) return '{ deny: [">"] }';
  return `{ allow: [${subjects.map((subject) => `\n          ${quote(subject)}`).join('')}\n        ] }`;
}

/** The server's configuration has the escapes of JSON but for \\u; no name or path of ours may hold a control character. */
function quote(text: string): string {
  const quoted = JSON.stringify(text);
  if (/\\u[0-9a-f]{4}/.test(quoted)) {
    throw new Error(`a control character cannot stand in the server's configuration: ${quoted}`);
  }
  return quoted;
}
