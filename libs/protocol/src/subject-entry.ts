// Owns what an entry of the subject table is and how subjects are built, matched and taken apart.
import type * as z from 'zod';
import {
  ActorId,
  AgentId,
  type ClusterName,
  ExecutorId,
  FrameworkId,
  OfferId,
  PrincipalName,
  TaskId,
  Token,
} from './ids.ts';

/** Kinds of actors that hold a credential. A `principal` runs frameworks. */
export const ACTOR_KINDS = ['master', 'allocator', 'agent', 'principal', 'operator'] as const;
export type ActorKind = (typeof ACTOR_KINDS)[number];

const PARAMETERS = {
  principal: PrincipalName,
  frameworkId: FrameworkId,
  agentId: AgentId,
  offerId: OfferId,
  taskId: TaskId,
  executorId: ExecutorId,
  operator: PrincipalName,
  /** The operator as whom a gateway runs: who hears of gateways hears of those of all operators. */
  gateway: PrincipalName,
  actorKind: Token,
  actorId: ActorId,
  /** An agent's id, or `master`. */
  source: Token,
} as const;
export type ParameterName = keyof typeof PARAMETERS;
type Parameter<Name extends ParameterName> = z.infer<(typeof PARAMETERS)[Name]>;

type NamesIn<Pattern extends string> = Pattern extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends ParameterName ? Name : never) | NamesIn<Rest>
  : never;
export type ParametersOf<Pattern extends string> = {
  readonly [Name in NamesIn<Pattern>]: Parameter<Name>;
};

/** `request`: answered; `publish`: at most once, unanswered; `stream`: kept by JetStream, acknowledged. */
export type Delivery = 'request' | 'publish' | 'stream';

export type SubjectEntry<
  Pattern extends string = string,
  Body extends z.ZodType = z.ZodType,
  Reply extends z.ZodType = z.ZodType,
> = {
  readonly kind: string;
  /** After the prefix `parley.<cluster>.`; parameters in braces are one token each. */
  readonly pattern: Pattern;
  readonly delivery: Delivery;
  readonly from: readonly ActorKind[];
  readonly to: readonly ActorKind[];
  readonly body: Body;
  readonly reply?: Reply;
  /**
   * Programs are started by its words: it is refused when a string in it is no UTF-8. In any other message such a string is
   * read with U+FFFD in it: a report has to arrive, with a torn sentence too.
   */
  readonly holdsCommands?: true;
  readonly summary: string;
};

/** Keeps the exact pattern and schemas of an entry. */
export function entry<
  const Pattern extends string,
  Body extends z.ZodType,
  Reply extends z.ZodType,
>(value: SubjectEntry<Pattern, Body, Reply>): SubjectEntry<Pattern, Body, Reply> {
  return value;
}

export type BodyOf<Entry extends SubjectEntry> = z.infer<Entry['body']>;
export type ReplyOf<Entry extends SubjectEntry> = z.infer<NonNullable<Entry['reply']>>;
export type ParametersOfEntry<Entry extends SubjectEntry> = ParametersOf<Entry['pattern']>;

export const subjectPrefix = (cluster: ClusterName): string => `parley.${cluster}`;

const PLACEHOLDER = /\{([A-Za-z]+)\}/g;

/** The exact subject of one message. */
export function subjectOf<Entry extends SubjectEntry>(
  entry: Entry,
  cluster: ClusterName,
  parameters: ParametersOfEntry<Entry>,
): string {
  return wildcardOf(entry, cluster, parameters as Partial<Record<ParameterName, string>>);
}

/** The subject with `*` for each parameter that is not given: for subscriptions and permissions. */
export function wildcardOf(
  entry: Pick<SubjectEntry, 'pattern'>,
  cluster: ClusterName,
  parameters: Partial<Record<ParameterName, string>> = {},
): string {
  const values: Record<string, string | undefined> = parameters;
  const rest = entry.pattern.replace(PLACEHOLDER, (_, name: string) => values[name] ?? '*');
  return `${subjectPrefix(cluster)}.${rest}`;
}

/** The parameters of a received subject; undefined when it is not one of this entry's or an id is not valid. */
export function parametersOf<Entry extends SubjectEntry>(
  entry: Entry,
  cluster: ClusterName,
  subject: string,
): ParametersOfEntry<Entry> | undefined {
  const tokens = tokensOf(cluster, subject);
  const parts = partsOf(entry.pattern);
  if (tokens?.length !== parts.length) return undefined;
  if (parts.some(({ literal }, at) => literal !== undefined && literal !== tokens[at])) {
    return undefined;
  }
  const found: Record<string, string> = {};
  for (const [index, { name }] of parts.entries()) {
    if (name === undefined) continue;
    const token = tokens[index] ?? '';
    if (!isParameter(name) || !PARAMETERS[name].safeParse(token).success) return undefined;
    found[name] = token;
  }
  return found as ParametersOfEntry<Entry>;
}

/** Of a pattern: what a token has to be, or the parameter that it names. */
type Part =
  | { readonly literal: string; readonly name?: undefined }
  | { readonly literal?: undefined; readonly name: string };
const PARTS = new Map<string, readonly Part[]>();

function partsOf(pattern: string): readonly Part[] {
  const known = PARTS.get(pattern);
  if (known !== undefined) return known;
  const parts = pattern
    .split('.')
    .map(
      (token): Part => (token.startsWith('{') ? { name: token.slice(1, -1) } : { literal: token }),
    );
  PARTS.set(pattern, parts);
  return parts;
}

/** The same subject is held against several entries, one after the other. */
let lastSplit:
  | { cluster: ClusterName; subject: string; tokens: readonly string[] | undefined }
  | undefined;

/** Without the prefix; undefined of another cluster. */
function tokensOf(cluster: ClusterName, subject: string): readonly string[] | undefined {
  if (lastSplit?.subject === subject && lastSplit.cluster === cluster) return lastSplit.tokens;
  const prefix = `${subjectPrefix(cluster)}.`;
  const isOurs = subject.startsWith(prefix);
  const tokens = isOurs ? subject.slice(prefix.length).split('.') : undefined;
  lastSplit = { cluster, subject, tokens };
  return tokens;
}

const isParameter = (name: string): name is ParameterName => name in PARAMETERS;
