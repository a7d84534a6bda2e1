// Owns the file of who may sign in to a gateway and what each may do: its form, and sentences that say what of it is wrong.
// `parley gateway user` writes it, gateways read it.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import { PrincipalName } from '@parley/protocol/ids';
import * as z from 'zod';
import { PasswordHash, TokenHash } from './secret-hash.ts';

/** `view`: sees the cluster. `operate`: changes it as operators do. `framework`: runs frameworks of its principal. */
export const Permission = z.enum(['view', 'operate', 'framework']);
export type Permission = z.infer<typeof Permission>;

/** No colon: HTTP ends the name with one (RFC 7617). */
export const UserName = z
  .string()
  .regex(/^[A-Za-z0-9._@-]{1,64}$/, 'must be 1 to 64 characters of A-Z a-z 0-9 . _ @ -');

export const GatewayUser = z
  .strictObject({
    name: UserName,
    password: PasswordHash.optional(),
    tokens: z.array(z.strictObject({ name: UserName, sha256: TokenHash })).default([]),
    /** Whose frameworks it may run. */
    principal: PrincipalName.optional(),
    permissions: z.array(Permission).min(1, 'must name at least one'),
  })
  .refine(({ permissions, principal }) => !permissions.includes('framework') || principal, {
    path: ['principal'],
    message: 'is missing: whose frameworks may it run?',
  });
export type GatewayUser = z.infer<typeof GatewayUser>;

const GatewayUsers = z
  .strictObject({ users: z.array(GatewayUser) })
  .superRefine(({ users }, context) => {
    const names = new Set<string>();
    const tokens = new Set<string>();
    const twice = (index: number, field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: ['users', index, field], message });
    users.forEach((user, index) => {
      if (names.has(user.name)) twice(index, 'name', 'stands for another user already');
      names.add(user.name);
      for (const { sha256 } of user.tokens) {
        if (tokens.has(sha256))
          twice(index, 'tokens', 'holds a token that stands elsewhere already');
        tokens.add(sha256);
      }
    });
  });

/** Fails with `malformed`; the message names the file, the user and the field. */
export function parseUsers(file: string, text: string): Outcome<readonly GatewayUser[]> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return fail('malformed', `${file}: not JSON: ${String(error)}`);
  }
  const parsed = GatewayUsers.safeParse(json);
  if (parsed.success) return succeed(parsed.data.users);
  const sentences = parsed.error.issues.slice(0, 5).map((issue) => sentenceOf(json, issue));
  return fail('malformed', `${file}: ${sentences.join('; ')}`);
}

export const writeUsers = (users: readonly GatewayUser[]): string =>
  `${JSON.stringify({ users }, undefined, 2)}\n`;

function sentenceOf(json: unknown, { path, message }: z.core.$ZodIssue): string {
  const [, index, ...field] = path.map(String);
  if (index === undefined) return `${path.map(String).join('.') || 'the whole'}: ${message}`;
  const Named = z.object({ users: z.array(z.unknown()) });
  const users = Named.safeParse(json).data?.users ?? [];
  const name = z.object({ name: z.string() }).safeParse(users[Number(index)]).data?.name;
  const who = name === undefined ? `user ${Number(index) + 1}` : `user "${name}"`;
  return `${who}${field.length === 0 ? '' : `, ${field.join('.')}`}: ${message}`;
}
