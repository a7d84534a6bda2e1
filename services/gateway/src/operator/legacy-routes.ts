// Owns Mesos's forms of old for operators (`/reserve`, `/machine/down` and so on): each is one of the calls of /api/v1, put
// together out of fields of a form or of JSON.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { permitted, visitorBehind } from '../access/permit.ts';
import { ModelSource } from '../read-model/model-source.ts';
import type { RouteGroup } from '../routes.ts';
import { statusOf } from './leader-calls.ts';
import { ACCEPTED } from './operator-changes.ts';
import { OperatorDesk, type PlainCall } from './operator-desk.ts';

type Form = Readonly<Record<string, unknown>>;

class Unreadable extends Error {}

export const legacyRoutes: RouteGroup = (context) => async (server) => {
  const desk = new OperatorDesk(context, new ModelSource(context, server));
  server.removeAllContentTypeParsers();
  // Mesos's tools name the type of their forms in many ways, or not at all.
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  const demand = { permission: 'operate', realm: 'mesos-master-readwrite' } as const;
  server.addHook('onRequest', permitted(context.access, demand));
  addForms(server, (callOf) => async (request, reply) => {
    const call = readForm(request, callOf);
    if (!call.ok) return plain(reply, 400, call.failure.message);
    const done = await desk.carryOut(call.value, visitorBehind(request));
    if (done.ok) return reply.code(ACCEPTED.has(call.value.type) ? 202 : 200).send();
    return plain(reply, statusOf(done.failure), done.failure.message);
  });
};

/** Fails with `malformed`. */
function readForm(request: FastifyRequest, callOf: CallOf): Outcome<PlainCall> {
  try {
    return succeed(callOf(request));
  } catch (error) {
    if (error instanceof Unreadable) return fail('malformed', error.message);
    throw error;
  }
}

const plain = (reply: FastifyReply, code: number, sentence: string): FastifyReply =>
  reply.code(code).type('text/plain; charset=utf-8').send(sentence);

type CallOf = (request: FastifyRequest) => PlainCall;
type Answer = (
  callOf: CallOf,
) => (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

function addForms(server: FastifyInstance, answer: Answer): void {
  server.post(
    '/teardown',
    answer((request) => ({
      type: 'TEARDOWN',
      teardown: { framework_id: { value: String(formOf(request)['frameworkId'] ?? '') } },
    })),
  );
  for (const [path, type, list] of RESOURCE_FORMS) {
    server.post(
      path,
      answer((request) => {
        const form = formOf(request);
        const agent_id = { value: String(form['slaveId'] ?? '') };
        const body = { agent_id, [list]: jsonOf(form[list], list) };
        return { type, [type.toLowerCase()]: body };
      }),
    );
  }
  server.put(
    '/weights',
    answer((request) => ({
      type: 'UPDATE_WEIGHTS',
      update_weights: { weight_infos: jsonOf(request.body, 'weights') },
    })),
  );
  server.post(
    '/quota',
    answer((request) => ({
      type: 'SET_QUOTA',
      set_quota: { quota_request: jsonOf(request.body, 'quota') },
    })),
  );
  server.delete<{ Params: { '*': string } }>(
    '/quota/*',
    answer(({ params }) => ({
      type: 'REMOVE_QUOTA',
      remove_quota: { role: (params as { '*': string })['*'] },
    })),
  );
  server.post(
    '/maintenance/schedule',
    answer((request) => ({
      type: 'UPDATE_MAINTENANCE_SCHEDULE',
      update_maintenance_schedule: { schedule: jsonOf(request.body, 'schedule') },
    })),
  );
  for (const [path, type] of MACHINE_FORMS) {
    server.post(
      path,
      answer((request) => ({
        type,
        [type.toLowerCase()]: { machines: jsonOf(request.body, 'machines') },
      })),
    );
  }
}

const RESOURCE_FORMS = [
  ['/reserve', 'RESERVE_RESOURCES', 'resources'],
  ['/unreserve', 'UNRESERVE_RESOURCES', 'resources'],
  ['/create-volumes', 'CREATE_VOLUMES', 'volumes'],
  ['/destroy-volumes', 'DESTROY_VOLUMES', 'volumes'],
] as const;
const MACHINE_FORMS = [
  ['/machine/down', 'START_MAINTENANCE'],
  ['/machine/up', 'STOP_MAINTENANCE'],
] as const;

/** `frameworkId=...&slaveId=...` */
function formOf({ body }: FastifyRequest): Form {
  return Object.fromEntries(new URLSearchParams(typeof body === 'string' ? body : ''));
}

function jsonOf(text: unknown, name: string): unknown {
  try {
    if (typeof text === 'string') return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Unreadable(`Failed to parse '${name}': JSON is expected`);
}
