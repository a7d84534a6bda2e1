// Owns what the keeper of a local cluster and the command that started it say to each other, over the channel of
// a child process. The keeper outlives the command only when it is told to.
import { ClusterName, PrincipalName } from '@parley/protocol/ids';
import * as z from 'zod';
import { ISOLATION_CHOICES } from './isolation-choice.ts';

export const KeeperOrder = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('start'),
    /** Without it the first free of `local`, `local-2` ... */
    name: ClusterName.optional(),
    isolation: z.enum(ISOLATION_CHOICES),
    /** What the master is started with beside what every service is. */
    masterArguments: z.array(z.string()).default([]),
    /** Likewise the allocator. */
    allocatorArguments: z.array(z.string()).default([]),
  }),
  /** Run a framework of this clone once, as a principal. */
  z.object({
    kind: z.literal('run'),
    name: z.string().regex(/^[a-z0-9-]{1,64}$/),
    entry: z.enum(['framework-batch', 'framework-mapreduce']),
    principal: PrincipalName,
    argv: z.array(z.string()),
  }),
  /** Kill a service, as an accident would. */
  z.object({ kind: z.literal('kill'), service: z.string() }),
  /** Go on when the command has left. */
  z.object({ kind: z.literal('detach') }),
]);
export type StartOrder = Extract<KeeperOrder, { kind: 'start' }>;
export type KillServiceOrder = Extract<KeeperOrder, { kind: 'kill' }>;
export type RunOrder = Extract<KeeperOrder, { kind: 'run' }>;
export type KeeperOrder = z.infer<typeof KeeperOrder>;

export const KeeperNews = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('notice'), text: z.string() }),
  z.object({ kind: z.literal('up'), cluster: ClusterName }),
  z.object({ kind: z.literal('detached') }),
  z.object({ kind: z.literal('jobEnded'), name: z.string(), exitCode: z.int() }),
  /** It takes everything down and leaves. */
  z.object({ kind: z.literal('failed'), exitCode: z.int(), message: z.string() }),
]);
export type KeeperNews = z.infer<typeof KeeperNews>;
