// Owns `parley gateway user add|remove|list`: changes the file of who may sign in to a gateway. Passwords are asked for,
// never arguments; neither they nor tokens are kept.
import { chownSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import {
  type GatewayUser,
  type Permission,
  parseUsers,
  writeUsers,
} from '@parley/operator-sdk/gateway-users';
import { hashPassword, hashToken, SALT_BYTES, TOKEN_BYTES } from '@parley/operator-sdk/secret-hash';
import type { PrincipalName } from '@parley/protocol/ids';
import { CommandFailure, EXIT, reasonOf, systemCode } from '../command-failure.ts';
import { askSecretAtTerminal, randomBytesOf, readLineOfInput } from '../effects.ts';
import { printJson, printLine, printNotice, printTable } from '../print.ts';

export type UserChange = {
  readonly name: string;
  readonly permissions?: readonly Permission[] | undefined;
  readonly principal?: PrincipalName | undefined;
  /** Name of a token to make. */
  readonly token?: string | undefined;
};

const MIN_PASSWORD_LENGTH = 8;
const NEW_FILE_MODE = 0o600;

export async function userAddCommand(
  file: string,
  change: UserChange,
  json: boolean,
): Promise<void> {
  const users = readFile(file) ?? [];
  const before = users.find(({ name }) => name === change.name);
  const isWithoutSecret = before?.password === undefined && !before?.tokens.length;
  const changesRights = change.permissions !== undefined || change.principal !== undefined;
  const token =
    change.token === undefined ? undefined : randomBytesOf(TOKEN_BYTES).toString('base64url');
  const asksPassword = token === undefined && (isWithoutSecret || !changesRights);
  const password = asksPassword ? await newPassword(change.name) : before?.password;
  const principal = change.principal ?? before?.principal;
  const user: GatewayUser = {
    name: change.name,
    ...(password !== undefined && { password }),
    tokens: [
      ...(before?.tokens ?? []).filter(({ name }) => name !== change.token),
      ...(change.token !== undefined && token !== undefined
        ? [{ name: change.token, sha256: hashToken(token) }]
        : []),
    ],
    ...(principal !== undefined && { principal }),
    permissions: [...(change.permissions ?? before?.permissions ?? ['view'])],
  };
  writeFile(file, [...users.filter(({ name }) => name !== change.name), user]);
  printAdded(user, { isNew: before === undefined, token, json });
}

function printAdded(
  { name, permissions }: GatewayUser,
  { isNew, token, json }: { isNew: boolean; token: string | undefined; json: boolean },
): void {
  if (json) {
    printJson({ name, permissions, ...(token !== undefined && { token }) });
    return;
  }
  printLine(`${name} ${isNew ? 'may sign in' : 'is changed'}: ${permissions.join(', ')}`);
  if (token === undefined) return;
  printNotice('Its token, which is shown this once; send it as "Authorization: Bearer TOKEN":');
  printLine(token);
}

export function userRemoveCommand(
  file: string,
  { name, token }: Pick<UserChange, 'name' | 'token'>,
  json: boolean,
): void {
  const users = existing(file);
  const user = users.find((one) => one.name === name);
  const isThere = token === undefined || user?.tokens.some((one) => one.name === token) === true;
  if (user === undefined || !isThere) {
    throw new CommandFailure(EXIT.notFound, {
      what: `${file} has no ${user === undefined ? `user ${name}` : `token ${token} of ${name}`}`,
      remedy: `see "parley gateway user list --file ${file}"`,
    });
  }
  const rest = users.filter((one) => one.name !== name);
  const tokens = user.tokens.filter((one) => one.name !== token);
  writeFile(file, token === undefined ? rest : [...rest, { ...user, tokens }]);
  const removed = token === undefined ? { name } : { name, token };
  if (json) printJson({ removed });
  else
    printLine(
      token === undefined
        ? `${name} may not sign in any more`
        : `the token ${token} of ${name} is void`,
    );
}

export function userListCommand(file: string, json: boolean): void {
  const users = existing(file).map(({ name, password, tokens, principal, permissions }) => ({
    ...{ name, permissions, principal: principal ?? null },
    password: password !== undefined,
    tokens: tokens.map((token) => token.name),
  }));
  if (json) {
    printJson(users);
    return;
  }
  const rows = users.map((user) => ({
    name: user.name,
    permissions: user.permissions.join(','),
    principal: user.principal ?? '-',
    password: user.password ? 'yes' : 'no',
    tokens: user.tokens.join(',') || '-',
  }));
  printTable(['name', 'permissions', 'principal', 'password', 'tokens'], rows);
}

async function newPassword(name: string): Promise<string> {
  const isTyped = process.stdin.isTTY === true;
  const password = isTyped
    ? await askSecretAtTerminal(`Password for ${name}: `)
    : await readLineOfInput();
  if (isTyped && (await askSecretAtTerminal('Again: ')) !== password) {
    throw new CommandFailure(EXIT.usage, { what: 'the two are not the same: nothing was changed' });
  }
  if (password === undefined || password.length < MIN_PASSWORD_LENGTH) {
    throw new CommandFailure(EXIT.usage, {
      what: `a password has at least ${MIN_PASSWORD_LENGTH} characters: nothing was changed`,
      remedy: 'type one, or send a line to standard input; or make a token with --token NAME',
    });
  }
  return await hashPassword(password, randomBytesOf(SALT_BYTES));
}

function existing(file: string): readonly GatewayUser[] {
  const users = readFile(file);
  if (users !== undefined) return users;
  throw new CommandFailure(EXIT.notFound, { what: `there is no file ${file}` });
}

/** Undefined: there is none. */
function readFile(file: string): readonly GatewayUser[] | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new CommandFailure(
      EXIT.failed,
      { what: `${file} cannot be read`, why: reasonOf(error) },
      error,
    );
  }
  const users = parseUsers(file, text);
  if (users.ok) return users.value;
  throw new CommandFailure(EXIT.failed, { what: users.failure.message, remedy: 'mend the file' });
}

/** Whole or not at all; whose the file is and who may read it stays. What a gateway would refuse is not written. */
function writeFile(file: string, users: readonly GatewayUser[]): void {
  const text = writeUsers(users);
  const check = parseUsers(file, text);
  if (!check.ok) {
    throw new CommandFailure(EXIT.usage, {
      what: check.failure.message,
      why: 'nothing was changed',
    });
  }
  const beside = `${file}.new`;
  const before = statSync(file, { throwIfNoEntry: false });
  try {
    rmSync(beside, { force: true });
    writeFileSync(beside, text, { mode: (before?.mode ?? NEW_FILE_MODE) & 0o777, flag: 'wx' });
    if (before !== undefined) chownSync(beside, before.uid, before.gid);
    renameSync(beside, file);
  } catch (error) {
    throw new CommandFailure(
      EXIT.failed,
      { what: `${file} cannot be written`, why: reasonOf(error) },
      error,
    );
  }
}
