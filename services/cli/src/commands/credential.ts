// Owns `parley credential create|list|revoke`: who may be on the bus, changed while the cluster runs.
import { existsSync } from 'node:fs';
import { type Holder, Holder as HolderSchema } from '@parley/protocol/credential';
import { PrincipalName, RoleName } from '@parley/protocol/ids';
import type { DeskOptions } from '../account-distribution.ts';
import { CommandFailure, EXIT } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import type { CredentialCommand, CredentialKind } from '../credential-kinds.ts';
import { type MemberDesk, openMemberDesk } from '../member-desk.ts';
import { printJson, printLine, printNotice, printTable } from '../print.ts';
import { currentContext } from './context.ts';

export type CredentialOf = {
  readonly kind: CredentialKind;
  readonly id: string;
  /** A principal's; else the one that is named like it. */
  readonly roles?: readonly RoleName[];
};

export async function credentialCreateCommand(
  surroundings: Surroundings,
  { kind, id, roles }: CredentialOf,
  command: CredentialCommand,
): Promise<void> {
  const holder = holderOf(kind, id);
  const desk = await openDesk(surroundings, command);
  if (kind === 'principal') {
    await desk.add([], [principalOf(id, roles)]);
  } else {
    await desk.add([holder], []);
  }
  const credential = desk.credentialFile(holder);
  if (command.json) printJson({ kind, id, credential });
  else {
    printLine(`${kind} ${id} may connect; its credential is`);
    printLine(credential);
  }
}

export async function credentialListCommand(
  surroundings: Surroundings,
  command: CredentialCommand,
): Promise<void> {
  const desk = await openDesk(surroundings, command);
  const { actors, principals } = desk.members();
  const holders = [
    ...actors,
    ...principals.map(({ name }): Holder => ({ kind: 'principal', id: name })),
  ];
  const rows = holders.map((holder) => ({ ...holder, credential: desk.credentialFile(holder) }));
  if (command.json) printJson(rows);
  else printTable(['kind', 'id', 'credential'], rows);
}

export async function credentialRevokeCommand(
  surroundings: Surroundings,
  { kind, id }: CredentialOf,
  command: CredentialCommand,
): Promise<void> {
  await credentialRevoke(surroundings, { kind, id }, command);
  if (command.json) printJson({ revoked: { kind, id } });
  else printLine(`${kind} ${id} is shut out: its connections are closed, its credential is void`);
}

export async function credentialRevoke(
  surroundings: Surroundings,
  { kind, id }: CredentialOf,
  command: CredentialCommand,
): Promise<void> {
  const holder = holderOf(kind, id);
  const desk = await openDesk(surroundings, command);
  await refuseOwn(surroundings, command, desk.credentialFile(holder));
  checkKnown(desk, holder);
  await desk.remove(holder);
}

function openDesk(surroundings: Surroundings, command: CredentialCommand): Promise<MemberDesk> {
  return openDeskOf(surroundings, command.context, deskOptions(command));
}

export async function openDeskOf(
  surroundings: Surroundings,
  named: string | undefined,
  options: DeskOptions,
): Promise<MemberDesk> {
  return openMemberDesk(surroundings, await currentContext(surroundings, named), options);
}

/** Progress goes to stderr: stdout is for what was made. */
export const deskOptions = ({
  distribution,
  waitMs,
}: Pick<CredentialCommand, 'distribution' | 'waitMs'>): DeskOptions => ({
  distribution,
  waitMs,
  say: printNotice,
});

export const principalOf = (id: string, roles: readonly RoleName[] | undefined) => {
  const name = PrincipalName.parse(id);
  return { name, roles: roles === undefined ? [RoleName.parse(id)] : [...roles] };
};

function holderOf(kind: CredentialKind, id: string): Holder {
  const holder = HolderSchema.safeParse({ kind, id });
  if (holder.success) return holder.data;
  throw new CommandFailure(EXIT.usage, {
    what: `"${id}" is no ${kind}'s id`,
    why: holder.error.issues.map(({ message }) => message).join('; '),
  });
}

function checkKnown(desk: MemberDesk, { kind, id }: Holder): void {
  const { actors, principals } = desk.members();
  const isKnown =
    kind === 'principal'
      ? principals.some(({ name }) => name === id)
      : actors.some((actor) => actor.kind === kind && actor.id === id);
  // One that the servers had not forgotten in time is no member any more, and has its file still.
  if (isKnown || existsSync(desk.credentialFile({ kind, id }))) return;
  throw new CommandFailure(EXIT.notFound, {
    what: `there is no ${kind} ${id}`,
    remedy: 'see "parley credential list"',
  });
}

async function refuseOwn(
  surroundings: Surroundings,
  { context: named }: CredentialCommand,
  file: string,
): Promise<void> {
  const context = await currentContext(surroundings, named);
  if (context.operatorCredential !== file) return;
  throw new CommandFailure(EXIT.usage, {
    what: 'this is the credential that these commands use themselves',
    remedy: 'create another operator, and revoke this one from there',
  });
}
