// Owns /files/browse, /files/read and /files/download, as Mesos's agents answer them; here for the sandboxes of all agents.
import { Readable } from 'node:stream';
import type { Failure } from '@parley/protocol/errors';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { permitted } from '../access/permit.ts';
import type { RouteGroup } from '../routes.ts';
import { answerJsonp } from './jsonp.ts';
import { statusOf } from './leader-calls.ts';
import { AGENT_PAGES } from './mesos-paths.ts';
import { modeText, SandboxFiles } from './sandbox-files.ts';

type Query = Readonly<Record<string, unknown>>;

export const fileRoutes: RouteGroup =
  ({ access, link }) =>
  async (server) => {
    answerJsonp(server);
    const demand = { permission: 'view', realm: 'mesos-master-readonly' } as const;
    server.addHook('onRequest', permitted(access, demand));
    const files = new SandboxFiles(link);
    for (const prefix of ['/files', `${AGENT_PAGES}/:agent/files`]) {
      addFileRoutes(server, prefix, files);
    }
  };

function addFileRoutes(server: FastifyInstance, prefix: string, files: SandboxFiles): void {
  for (const path of [`${prefix}/browse`, `${prefix}/browse.json`]) {
    server.get(path, async ({ query }, reply) => {
      const place = pathOf(query as Query);
      if (place === undefined) return missingPath(reply);
      const listed = await files.list(place);
      if (!listed.ok) return refuse(reply, listed.failure);
      return listed.value.map(({ path: name, nlink, size, mtimeMs, mode }) => ({
        ...{ path: name, nlink, size, mtime: Math.floor(mtimeMs / 1000) },
        ...{ mode: modeText(mode), uid: '', gid: '' },
      }));
    });
  }
  for (const path of [`${prefix}/read`, `${prefix}/read.json`]) {
    server.get(path, ({ query }, reply) => read(files, query as Query, reply));
  }
  for (const path of [`${prefix}/download`, `${prefix}/download.json`]) {
    server.get(path, ({ query }, reply) => download(files, query as Query, reply));
  }
  // Mesos tells here which directories stand behind the paths: none do.
  server.get(`${prefix}/debug`, async () => ({}));
}

async function read(
  files: SandboxFiles,
  query: Query,
  reply: FastifyReply,
): Promise<FastifyReply | object> {
  const place = pathOf(query);
  if (place === undefined) return missingPath(reply);
  const offset = numberOf(query['offset']) ?? -1;
  const length = numberOf(query['length']);
  if (Number.isNaN(offset) || Number.isNaN(length)) {
    return plain(reply, 400, "Failed to parse 'offset' or 'length': a whole number is expected.");
  }
  // Mesos: without an offset, or with -1, the size alone is told.
  const wanted = offset < 0 ? { offset: 0, length: 0 } : { offset, length: positive(length) };
  const part = await files.read(place, wanted);
  if (!part.ok) return refuse(reply, part.failure);
  const { data, size } = part.value;
  return { data: Buffer.from(data).toString('utf8'), offset: offset < 0 ? size : offset };
}

/** Mesos: -1 is as much as there is. */
const positive = (length: number | undefined): number | undefined =>
  length === undefined || length < 0 ? undefined : length;

async function download(
  files: SandboxFiles,
  query: Query,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const place = pathOf(query);
  if (place === undefined) return missingPath(reply);
  const listed = await files.read(place, { offset: 0, length: 1 });
  if (!listed.ok) return refuse(reply, listed.failure);
  const name = place.split('/').at(-1) ?? 'file';
  const safeName = name.replace(/[^A-Za-z0-9._-]/g, '_');
  reply.header('Content-Disposition', `attachment; filename=${safeName}`);
  return reply.type('application/octet-stream').send(Readable.from(files.bytes(place)));
}

const pathOf = (query: Query): string | undefined => {
  const { path } = query;
  return typeof path === 'string' && path !== '' ? path : undefined;
};

const numberOf = (value: unknown): number | undefined => {
  if (value === undefined) return undefined;
  return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
};

const missingPath = (reply: FastifyReply): FastifyReply =>
  plain(reply, 400, "Expecting 'path=value' in query.");

const refuse = (reply: FastifyReply, failure: Failure): FastifyReply =>
  plain(reply, statusOf(failure), `${failure.message}.`);

const plain = (reply: FastifyReply, code: number, sentence: string): FastifyReply =>
  reply.code(code).type('text/plain; charset=utf-8').send(sentence);
