// Owns the paths of the time machine: how dense events were, and a window of the past that a page can fold by itself or keep as a
// file. The lists take `?at=` themselves.
import { Readable } from 'node:stream';
import { TaskRef } from '@parley/protocol/ids';
import type { FastifyReply } from 'fastify';
import * as z from 'zod';
import { orProblem, type TypedServer } from './answering.ts';
import type { PastThread } from './past-thread.ts';
import { Problem } from './shapes.ts';

export const At = z
  .string()
  .max(64)
  .optional()
  .describe(
    'a moment of the past: an entry of the journal, a time, a while ago such as 10m, "first" or "last"',
  );

type Past = Pick<PastThread, 'ask'>;

const Place = z.object({ sequence: z.number(), wallTimeMs: z.number() });
const TimelineShape = z.object({
  from: Place,
  to: Place,
  counts: z
    .array(z.number())
    .describe('events in equal stretches of time from the one to the other'),
  markers: z.array(
    Place.extend({
      index: z.number(),
      kind: z.enum(['leaderChange', 'agentLost', 'frameworkFailover', 'taskFailed']),
      text: z.string(),
    }),
  ),
  isCut: z.boolean().describe('more is kept than one answer looks at or holds'),
});

export function addPastRoutes(server: TypedServer, past: Past): void {
  server.route({
    method: 'GET',
    url: '/v1/timeline',
    schema: {
      summary: 'how dense events were, and what stands out',
      querystring: z.object({
        from: At,
        to: At,
        buckets: z.coerce.number().int().min(1).max(1000).default(120),
      }),
      response: { 200: TimelineShape },
    },
    handler: async ({ query: { from, to, buckets } }) => {
      const range = { from, to };
      const timeline = orProblem(await past.ask({ kind: 'timeline', range, buckets }));
      return { ...timeline, counts: [...timeline.counts], markers: [...timeline.markers] };
    },
  });
  addExports(server, past);
  server.route({
    method: 'GET',
    url: '/v1/tasks/:principal/:frameworkId/:taskId/story',
    schema: {
      summary:
        'what befell a task and why, in words, out of the last 20,000 entries of the journal',
      params: TaskRef,
      response: { 200: StoryShape, 404: Problem },
    },
    handler: async ({ params: task }) => {
      const { items, ...about } = orProblem(await past.ask({ kind: 'story', task }));
      return { ...about, items: [...items] };
    },
  });
}

const StoryShape = z.object({
  isBegun: z.boolean().describe('its launch is told: nothing is missing before'),
  isOver: z.boolean(),
  items: z.array(Place.extend({ text: z.string() })),
});

const WINDOW =
  'a window as NDJSON: a line with the view at its begin, then a line for each event after it';
const RangeQuery = z.object({ from: At, to: At });
type RangeQuery = z.infer<typeof RangeQuery>;

function addExports(server: TypedServer, past: Past): void {
  const send = async (reply: FastifyReply, range: RangeQuery, isCompressed: boolean) => {
    const window = orProblem(await past.ask({ kind: 'window', range, isCompressed }));
    const name = reply.request.url.startsWith('/v1/export.gz') ? 'ndjson.gz' : 'ndjson';
    reply.header('Content-Disposition', `attachment; filename="parley-window.${name}"`);
    return reply.send(Readable.from(window));
  };
  server.route({
    method: 'GET',
    url: '/v1/export',
    schema: { summary: `${WINDOW}; compressed for who takes it so`, querystring: RangeQuery },
    handler: async ({ query: range, headers }, reply) => {
      const isCompressed = takesGzip(headers['accept-encoding']);
      reply.type('application/x-ndjson').header('Vary', 'Accept-Encoding');
      if (isCompressed) reply.header('Content-Encoding', 'gzip');
      return send(reply, range, isCompressed);
    },
  });
  server.route({
    method: 'GET',
    url: '/v1/export.gz',
    schema: { summary: 'the same as a compressed file', querystring: RangeQuery },
    handler: async ({ query: range }, reply) => send(reply.type('application/gzip'), range, true),
  });
}

/** RFC 9110, 12.5.3; of weights only that a 0 refuses. */
const takesGzip = (accepted: string | string[] | undefined): boolean =>
  String(accepted ?? '')
    .split(',')
    .some((one) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(one));
