// Owns `parley principal add|list|remove`: principals with the roles that they may use. Credentials of others are made and
// revoked in credential.ts, by the same code.
import type { PrincipalName, RoleName } from '@parley/protocol/ids';
import type { Surroundings } from '../config.ts';
import type { CredentialCommand } from '../credential-kinds.ts';
import type { MemberDesk } from '../member-desk.ts';
import { printJson, printLine, printTable } from '../print.ts';
import { credentialRevoke, deskOptions, openDeskOf, principalOf } from './credential.ts';

export type NewPrincipal = { readonly name: PrincipalName; readonly roles: readonly RoleName[] };

export async function principalAddCommand(
  surroundings: Surroundings,
  { name, roles }: NewPrincipal,
  command: CredentialCommand,
): Promise<void> {
  const desk = await openDesk(surroundings, command);
  await desk.add([], [principalOf(name, roles)]);
  const credential = desk.credentialFile({ kind: 'principal', id: name });
  if (command.json) printJson({ name, roles, credential, ...desk.place() });
  else {
    printLine(`principal ${name} may use ${roles.join(', ')}; its credential is`);
    printLine(credential);
  }
}

export async function principalListCommand(
  surroundings: Surroundings,
  command: CredentialCommand,
): Promise<void> {
  const desk = await openDesk(surroundings, command);
  const rows = desk.members().principals.map(({ name, roles }) => ({
    name,
    roles,
    credential: desk.credentialFile({ kind: 'principal', id: name }),
  }));
  if (command.json) printJson(rows);
  else {
    const shown = rows.map((row) => ({ ...row, roles: row.roles.join(',') }));
    printTable(['name', 'roles', 'credential'], shown);
  }
}

export async function principalRemoveCommand(
  surroundings: Surroundings,
  name: PrincipalName,
  command: CredentialCommand,
): Promise<void> {
  await credentialRevoke(surroundings, { kind: 'principal', id: name }, command);
  if (command.json) printJson({ removed: name });
  else printLine(`principal ${name} is removed; its streams and data stay`);
}

const openDesk = (surroundings: Surroundings, command: CredentialCommand): Promise<MemberDesk> =>
  openDeskOf(surroundings, command.context, deskOptions(command));
