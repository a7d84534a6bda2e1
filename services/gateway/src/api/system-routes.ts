// Owns the path to the machinery itself: who leads, which masters and gateways there are, where the books stand and how they
// are kept, how far the leader has read the streams of updates, and how fresh the knowledge of this gateway is.
import { readManifest } from '@parley/actor/snapshots';
import type { Outcome } from '@parley/protocol/errors';
import * as z from 'zod';
import type { GatewayContext } from '../gateway-context.ts';
import { orProblem, type TypedServer } from './answering.ts';

const EpochShape = z.object({ bucketCreatedMs: z.number(), revision: z.number() });
const MEMBER_TIMES = {
  version: z.string().describe('of its release'),
  startedWallMs: z.number().nullable().describe('milliseconds since 1970'),
  silentMs: z.number().describe('since its last sign of life; it is forgotten after a minute'),
};
const SystemShape = z.object({
  cluster: z.string(),
  leader: z.string().nullable(),
  epoch: EpochShape,
  masters: z
    .array(
      z.object({
        id: z.string(),
        phase: z
          .enum(['following', 'opening', 'leading', 'leaving', 'silent'])
          .describe('silent: it led when it was heard last, and another one has begun to since'),
        lagEntries: z.number().nullable().describe('entries that it has not stepped yet'),
        ...MEMBER_TIMES,
      }),
    )
    .describe('the leader first, then those that stand by, as their signs of life say'),
  gateways: z
    .array(
      z.object({
        instance: z.string().describe('of its process'),
        operator: z.string().describe('as whom it runs'),
        url: z.string(),
        agentId: z.string().nullable().describe('of the agent for whose executors it is there'),
        isThis: z.boolean().describe('the one that answers'),
        ...MEMBER_TIMES,
      }),
    )
    .describe('likewise, by address'),
  rulesVersion: z.number().describe('of the rules by which entries are stepped'),
  allocator: z.object({ epoch: EpochShape, decided: z.number().describe('proposals of its term') }),
  gateway: z.object({
    sequence: z.number().describe('the last entry of the journal that it has seen'),
    behind: z.number().describe('entries that were stored and that it has not seen'),
    staleMs: z.number(),
  }),
  snapshot: z
    .object({ sequence: z.number(), ageMs: z.number() })
    .nullable()
    .describe('the newest one'),
  streams: z.array(
    z.object({
      name: z.string(),
      messages: z.number(),
      bytes: z.number(),
      firstSequence: z.number(),
      lastSequence: z.number(),
    }),
  ),
  updates: z
    .array(z.object({ principal: z.string(), readUpTo: z.number() }))
    .describe('how far the leader has read the updates of the tasks of each principal'),
});
type SystemShape = z.infer<typeof SystemShape>;

type Context = Pick<GatewayContext, 'live' | 'link' | 'members'>;

export function addSystemRoute(
  typed: TypedServer,
  context: Context,
  wallTimeMs: () => number,
): void {
  typed.route({
    method: 'GET',
    url: '/v1/system',
    schema: {
      summary:
        'the machinery: who leads and stands by, which gateways there are, where the books stand, how fresh this gateway is',
      response: { 200: SystemShape },
    },
    handler: async () => ({
      ...fromBooks(context),
      masters: context.members.masters(),
      gateways: context.members.gateways(),
      ...orProblem(await standing(context)),
      snapshot: orProblem(await newestSnapshot(context, wallTimeMs())),
    }),
  });
}

function fromBooks({ live, link }: Pick<Context, 'live' | 'link'>) {
  const { state } = live.followed;
  const { masterId, epoch, allocatorEpoch, allocatorDecided } = state.record;
  return {
    ...{ cluster: link.cluster, leader: masterId ?? null, epoch },
    rulesVersion: state.rulesVersion,
    allocator: { epoch: allocatorEpoch, decided: allocatorDecided },
    updates: [...state.streams.rows()].map(({ principal, readUpTo }) => ({ principal, readUpTo })),
  };
}

async function standing({
  live,
  link,
}: Context): Promise<Outcome<Pick<SystemShape, 'streams' | 'gateway'>>> {
  const info = await link.source().journal.info();
  if (!info.ok) return info;
  const streams = await link.streams();
  if (!streams.ok) return streams;
  const { sequence } = live.followed;
  const behind = Math.max(0, info.value.lastSequence - sequence);
  return {
    ok: true,
    value: {
      streams: streams.value.map(({ name, messages, bytes, firstSequence, lastSequence }) => ({
        ...{ name, messages, bytes, firstSequence, lastSequence },
      })),
      gateway: { sequence, behind, staleMs: live.staleMs() },
    },
  };
}

async function newestSnapshot(
  { link }: Context,
  nowMs: number,
): Promise<Outcome<SystemShape['snapshot']>> {
  const { snapshots } = link.source();
  const listed = await snapshots.list();
  if (!listed.ok) return listed;
  for (const name of listed.value) {
    const read = await readManifest(snapshots, name);
    if (!read.ok) return read;
    if (read.value.kind === 'bad') continue;
    const ageMs = Math.max(0, nowMs - read.value.storedMs);
    return { ok: true, value: { sequence: name.sequence, ageMs } };
  }
  return { ok: true, value: null };
}
