// Owns the rules of who may do what: what a rule is, and which one decides. Pure; reading the file is
// authorization-file.ts's, what a call is about is authorization-attempts.ts's. Described in infra/docs/authorization.md.
import { type AgentId, type FrameworkRef, frameworkKey, type RoleName } from '@parley/protocol/ids';
import * as z from 'zod';

const ROLES_AND_FRAMEWORKS = ['roles', 'frameworks'] as const;
const ALL_OBJECTS = ['roles', 'frameworks', 'agents'] as const;

/** The closed set of what can be allowed or denied, with the kinds of objects that it is about. */
export const ACTIONS = {
  subscribe: ROLES_AND_FRAMEWORKS,
  update: ROLES_AND_FRAMEWORKS,
  suppress: ROLES_AND_FRAMEWORKS,
  revive: ROLES_AND_FRAMEWORKS,
  demand: ROLES_AND_FRAMEWORKS,
  resync: ROLES_AND_FRAMEWORKS,
  reconcile: ROLES_AND_FRAMEWORKS,
  answerInverseOffer: ROLES_AND_FRAMEWORKS,
  acknowledgeEvents: ROLES_AND_FRAMEWORKS,
  teardown: ROLES_AND_FRAMEWORKS,
  decline: ALL_OBJECTS,
  launch: ALL_OBJECTS,
  launchGroup: ALL_OBJECTS,
  reserve: ALL_OBJECTS,
  unreserve: ALL_OBJECTS,
  createVolume: ALL_OBJECTS,
  destroyVolume: ALL_OBJECTS,
  kill: ALL_OBJECTS,
  shutdownExecutor: ALL_OBJECTS,
  operatorKill: ALL_OBJECTS,
  operatorTeardown: ROLES_AND_FRAMEWORKS,
  operatorAgent: ['agents'],
  operatorMaintenance: ['agents'],
  operatorOperate: ['roles', 'agents'],
  operatorWeight: ROLES_AND_FRAMEWORKS,
  operatorQuota: ROLES_AND_FRAMEWORKS,
} as const;
export type Action = keyof typeof ACTIONS;

/** The verdict of a call that no rule is about. */
export const OTHERWISE = 'otherwise';

const Pattern = z
  .string()
  .regex(/^[A-Za-z0-9_./-]*\*?$/, 'must be a name, the beginning of names with "*" behind, or "*"')
  .min(1)
  .max(255);
/** At least one: an empty list would silently match nothing. */
const Patterns = z.array(Pattern).min(1).max(1000);
const ActionName = z.enum(['*', ...(Object.keys(ACTIONS) as Action[])]);

const Rule = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(64)
      .refine((name) => name !== OTHERWISE, `"${OTHERWISE}" is the name of the last resort`),
    /** Whose credential: principals for what frameworks do, operators for what operators do. */
    principals: Patterns,
    actions: z.array(ActionName).min(1),
    objects: z
      .strictObject({
        /** A role and those below it. */
        roles: Patterns.optional(),
        /** `principal/frameworkId`. */
        frameworks: Patterns.optional(),
        agents: Patterns.optional(),
      })
      .default({}),
    allow: z.boolean(),
  })
  .superRefine((rule, context) => {
    for (const [index, action] of rule.actions.entries()) {
      const missing = objectsThatNeverMatch(action, rule.objects);
      if (missing === undefined) continue;
      context.addIssue({
        code: 'custom',
        path: ['actions', index],
        message: `"${action}" names none of objects.${missing}, so the rule would never match it: give it a rule of its own`,
      });
    }
  });

export const AuthorizationRules = z
  .strictObject({ rules: z.array(Rule).max(1000), otherwise: z.enum(['allow', 'deny']) })
  .superRefine(({ rules }, context) => {
    const names = new Set<string>();
    for (const [index, { name }] of rules.entries()) {
      if (names.has(name)) {
        const message = `"${name}" is the name of an earlier rule`;
        context.addIssue({ code: 'custom', path: ['rules', index, 'name'], message });
      }
      names.add(name);
    }
  });
export type AuthorizationRules = z.infer<typeof AuthorizationRules>;
type Rule = AuthorizationRules['rules'][number];

/** What is acted upon; a kind of object is left out where the action knows none of it. */
export type Target = {
  readonly role?: RoleName;
  readonly framework?: FrameworkRef;
  readonly agentId?: AgentId;
};

export type Attempt = {
  /** Name of the credential's holder. */
  readonly by: string;
  readonly action: Action;
  readonly target: Target;
};

export type Verdict = { readonly allow: boolean; readonly rule: string };

/** The first rule that matches decides, else `otherwise`. */
export function decide({ rules, otherwise }: AuthorizationRules, attempt: Attempt): Verdict {
  const rule = rules.find((one) => matches(one, attempt));
  return rule === undefined
    ? { allow: otherwise === 'allow', rule: OTHERWISE }
    : { allow: rule.allow, rule: rule.name };
}

/** A rule that names objects of a kind is only about what has one of them. */
function matches(rule: Rule, { by, action, target }: Attempt): boolean {
  const { roles, frameworks, agents } = rule.objects;
  const framework = target.framework === undefined ? undefined : frameworkKey(target.framework);
  return (
    rule.actions.some((one) => one === '*' || one === action) &&
    coversOne(rule.principals, by) &&
    (roles === undefined || roles.some((pattern) => coversRole(pattern, target.role))) &&
    (frameworks === undefined || coversOne(frameworks, framework)) &&
    (agents === undefined || coversOne(agents, target.agentId))
  );
}

function coversOne(patterns: readonly string[], name: string | undefined): boolean {
  if (name === undefined) return false;
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );
}

/** `eng` is about `eng` and everything below it; `*` alone is about every role. */
function coversRole(pattern: string, role: RoleName | undefined): boolean {
  if (role === undefined) return false;
  return coversOne([pattern], role) || role.startsWith(`${pattern}/`);
}

function objectsThatNeverMatch(
  action: Action | '*',
  objects: Rule['objects'],
): keyof Rule['objects'] | undefined {
  if (action === '*') return undefined;
  const known: readonly string[] = ACTIONS[action];
  return ALL_OBJECTS.find((kind) => objects[kind] !== undefined && !known.includes(kind));
}
