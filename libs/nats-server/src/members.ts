// Owns the list of who has a credential on an embedded server: `members.json` in the cluster's directory.
// It outlives the server, so that principals which were added to a kept cluster are there at its next start.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Holder } from '@parley/protocol/credential';
import { ClusterName, PrincipalName, RoleName } from '@parley/protocol/ids';
import { SetupFailure } from '@parley/setup/setup-failure';
import * as z from 'zod';

/** `*` among the roles allows every role. */
export const PrincipalMember = z.object({
  name: PrincipalName,
  roles: z.array(RoleName).min(1).max(64),
});
export type PrincipalMember = z.infer<typeof PrincipalMember>;

const Members = z.object({
  version: z.literal(1),
  cluster: ClusterName,
  actors: z.array(Holder),
  principals: z.array(PrincipalMember),
});
export type Members = z.infer<typeof Members>;

const pathOf = (directory: string): string => join(directory, 'members.json');

/**
 * @returns undefined when the directory holds no cluster yet
 * @throws SetupFailure when the file cannot be understood
 */
export function readMembers(directory: string): Members | undefined {
  const path = pathOf(directory);
  if (!existsSync(path)) return undefined;
  try {
    return Members.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    throw new SetupFailure({
      what: `${path} cannot be read`,
      why: cause instanceof Error ? cause.message : String(cause),
      remedy: `repair it, or remove ${directory} to begin anew (everything kept there is lost)`,
      cause,
    });
  }
}

/** The rename makes the new list appear whole or not at all. */
export function writeMembers(directory: string, members: Members): void {
  const partial = `${pathOf(directory)}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(members, null, 2)}\n`);
  renameSync(partial, pathOf(directory));
}

/** What is in either; a principal that is named again gets the new roles. */
export function mergeMembers(
  kept: Members,
  actors: readonly Holder[],
  principals: readonly PrincipalMember[],
): Members {
  const merged = new Map(kept.principals.map((principal) => [principal.name, principal]));
  for (const principal of principals) merged.set(principal.name, principal);
  const known = new Map(
    [...kept.actors, ...actors].map((holder) => [`${holder.kind} ${holder.id}`, holder]),
  );
  return { ...kept, actors: [...known.values()], principals: [...merged.values()] };
}

export function withoutHolder(kept: Members, { kind, id }: Holder): Members {
  if (kind === 'principal') {
    return { ...kept, principals: kept.principals.filter(({ name }) => name !== id) };
  }
  return {
    ...kept,
    actors: kept.actors.filter((actor) => actor.kind !== kind || actor.id !== id),
  };
}

/** Everybody who has a user on the server. */
export function holdersOf(members: Members): readonly Holder[] {
  return [
    PROVISIONER,
    ...members.actors,
    ...members.principals.map(({ name }): Holder => ({ kind: 'principal', id: name })),
  ];
}

/** Makes streams, buckets and principals; every embedded server has exactly this one. */
export const PROVISIONER: Holder = { kind: 'provisioner', id: 'provisioner' };
