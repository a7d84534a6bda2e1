// Owns the paths to what lies on agents and with the allocator: output and files of tasks, and why somebody waits. What a task
// wrote is never sent as a type that a browser would run.
import { FrameworkRef, TaskRef } from '@parley/protocol/ids';
import { MAX_READ_BYTES } from '@parley/protocol/task-files';
import type { FastifyReply } from 'fastify';
import * as z from 'zod';
import { orProblem, type TypedServer } from './answering.ts';
import type { Piece, TaskDesk } from './task-desk.ts';

const DEFAULT_BYTES = 64 * 1024;
const Range = {
  offset: z.coerce
    .number()
    .int()
    .default(0)
    .describe('in bytes; a negative one counts from the end'),
  length: z.coerce.number().int().min(1).max(MAX_READ_BYTES).default(DEFAULT_BYTES),
};
const Path = z.string().max(4096).describe('as names are listed: a byte that is no text is \\xNN');

const TASK = '/v1/tasks/:principal/:frameworkId/:taskId';

export function addTaskRoutes(server: TypedServer, desk: TaskDesk): void {
  server.route({
    method: 'GET',
    url: `${TASK}/logs`,
    schema: {
      summary:
        'a piece of what a task wrote, as bytes; X-Parley-Offset, -Size and -Ended say where it is',
      params: TaskRef,
      querystring: z.object({ stream: z.enum(['stdout', 'stderr']).default('stdout'), ...Range }),
    },
    handler: async ({ params, query: { stream, offset, length } }, reply) => {
      const piece = await desk.log(params, { stream, offset, maxBytes: length });
      return sendPiece(reply, orProblem(piece));
    },
  });
  server.route({
    method: 'GET',
    url: `${TASK}/files`,
    schema: {
      summary: 'what is in a directory of its sandbox',
      params: TaskRef,
      querystring: z.object({ path: Path.default('') }),
    },
    handler: async ({ params, query: { path } }) => orProblem(await desk.list(params, path)),
  });
  server.route({
    method: 'GET',
    url: `${TASK}/file`,
    schema: {
      summary: 'a piece of a file of its sandbox, likewise',
      params: TaskRef,
      querystring: z.object({ path: Path.min(1), ...Range }),
    },
    handler: async ({ params, query: { path, offset, length } }, reply) => {
      const piece = await desk.read(params, path, { offset, maxBytes: length });
      return sendPiece(reply, orProblem(piece));
    },
  });
  server.route({
    method: 'GET',
    url: `${TASK}/explain`,
    schema: { summary: 'why it is not launched, or where it is', params: TaskRef },
    handler: async ({ params }) => orProblem(await desk.whyTaskWaits(params)),
  });
  server.route({
    method: 'GET',
    url: '/v1/frameworks/:principal/:frameworkId/explain',
    schema: { summary: 'why it is not offered what it wants', params: FrameworkRef },
    handler: async ({ params }) => orProblem(await desk.whyFrameworkWaits(params)),
  });
}

function sendPiece(reply: FastifyReply, { data, offset, size, ended }: Piece): FastifyReply {
  reply.headers({
    'X-Parley-Offset': String(offset),
    'X-Parley-Size': String(size),
    'X-Parley-Ended': String(ended),
    'Content-Disposition': 'attachment',
    'Cache-Control': 'no-store',
  });
  return reply.type('application/octet-stream').send(Buffer.from(data));
}
