// Owns /api/v1/executor as Mesos's agent has it: which call is answered how, in the order in which Mesos looks. For the
// executors of this host's agent, which show themselves by their token and sign in nowhere else.
import { timingSafeEqual } from 'node:crypto';
import { decode } from '@parley/mesos-api/codec';
import { encodingOfAccept, encodingOfContentType } from '@parley/mesos-api/media-type';
import type { ExecutorCall } from '@parley/mesos-api/message-types';
import type { ExecutorProof } from '@parley/protocol/executor-relay';
import { type AgentId, ExecutorRef } from '@parley/protocol/ids';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ownIdOf } from '../mesos/foreign-id.ts';
import { Untranslatable } from '../mesos/mesos-values.ts';
import { frameworkOfMesosId } from '../read-model/mesos-ids.ts';
import type { RouteGroup } from '../routes.ts';
import type { SlowReaders } from '../slow-readers.ts';
import { executorCallFault } from './executor-call.ts';
import { type Caller, ExecutorDesk } from './executor-desk.ts';
import { ExecutorStream } from './executor-stream.ts';
import { ownUpdate } from './executor-translation.ts';
import { peerUserOf } from './peer-user.ts';
import { AgentRelay, type Refused } from './relay-link.ts';

const PATH = '/api/v1/executor';
const OTHER_METHODS = ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];
const REALM = 'mesos-agent-executor';
const STATUS_OF_REFUSAL = { unknownExecutor: 400, noProof: 401, wrongProof: 403 } as const;

export const executorRoutes =
  (agentId: AgentId): RouteGroup =>
  ({ link, ...context }) =>
  async (server) => {
    const desk = new ExecutorDesk(new AgentRelay(link, agentId), context);
    server.removeAllContentTypeParsers();
    server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    );
    server.addHook('preClose', async () => desk.closeAll());
    server.route({
      ...{ method: OTHER_METHODS, url: PATH },
      handler: (_request, reply) =>
        sendText(reply.header('Allow', 'POST'), 405, "Expecting 'POST'"),
    });
    const means = { desk, slowReaders: context.slowReaders };
    server.post(PATH, (request, reply) => answer(means, request, reply));
  };

type Means = { readonly desk: ExecutorDesk; readonly slowReaders: SlowReaders };

async function answer(
  means: Means,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const contentType = request.headers['content-type'];
  if (contentType === undefined || contentType === '') {
    return sendText(reply, 400, 'Expecting Content-Type to be present');
  }
  const encoding = encodingOfContentType(contentType);
  if (encoding === undefined) {
    return sendText(reply, 415, 'Expecting application/json or application/x-protobuf');
  }
  const body = Buffer.isBuffer(request.body) ? request.body : new Uint8Array(0);
  const call = decode('executor.Call', encoding, body);
  if (!call.ok) return sendText(reply, 400, `Failed to parse body: ${call.failure.message}`);
  const fault = faultOf(call.value);
  if (fault !== undefined) {
    return sendText(reply, 400, `Failed to validate executor::Call: ${fault}`);
  }
  return call.value.type === 'SUBSCRIBE'
    ? subscribe(means, call.value, request, reply)
    : tell(means.desk, call.value, request, reply);
}

/** What we have no way to say is refused before anything is done. */
function faultOf(call: ExecutorCall): string | undefined {
  const fault = executorCallFault(call);
  if (fault !== undefined) return fault;
  try {
    if (call.update !== undefined) ownUpdate(call.update.status);
    for (const { status } of call.subscribe?.unacknowledged_updates ?? []) ownUpdate(status);
    return undefined;
  } catch (error) {
    if (error instanceof Untranslatable) return error.message;
    throw error;
  }
}

async function subscribe(
  { desk, slowReaders }: Means,
  call: ExecutorCall,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const encoding = encodingOfAccept(request.headers.accept);
  if (encoding === undefined) {
    return sendText(
      reply,
      406,
      'Expecting Accept to allow application/json or application/x-protobuf',
    );
  }
  const caller = callerOf(call, request);
  if (caller === undefined) return sendText(reply, 400, 'Framework cannot be found');
  const begun = await desk.subscribe(caller, call.subscribe ?? {}, () => {
    const headers = reply.getHeaders() as Record<string, string>;
    reply.hijack();
    const stream = new ExecutorStream(reply.raw, encoding, slowReaders);
    stream.begin(headers);
    return stream;
  });
  if (!begun.ok) return sendText(reply, 503, `The agent is away: ${begun.failure.message}`);
  return begun.value.kind === 'refused' ? refuse(reply, begun.value) : reply;
}

async function tell(
  desk: ExecutorDesk,
  call: ExecutorCall,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (call.type === 'HEARTBEAT') return reply.code(202).send('');
  const caller = callerOf(call, request);
  if (caller === undefined) return sendText(reply, 400, 'Framework cannot be found');
  const session = desk.session(caller.executor);
  if (session === undefined) {
    const proven = await desk.prove(caller);
    if (!proven.ok) return sendText(reply, 503, `The agent is away: ${proven.failure.message}`);
    if (proven.value.kind === 'refused') return refuse(reply, proven.value);
    return sendText(reply, 403, 'Executor is not subscribed');
  }
  if (!isSameProof(session.proof, caller.proof)) {
    return sendText(reply, 403, 'It does not show that it is the executor that subscribed');
  }
  if (call.type === 'UPDATE' && call.update !== undefined) session.update(call.update.status);
  else if (call.type === 'MESSAGE' && call.message !== undefined) {
    session.message(call.message.data);
  } else return sendText(reply, 501, 'Received an unknown type of call');
  return reply.code(202).send('');
}

/** Undefined: there cannot be such an executor. */
function callerOf(
  { framework_id, executor_id }: ExecutorCall,
  request: FastifyRequest,
): Caller | undefined {
  const framework = frameworkOfMesosId(framework_id.value);
  const executorId = executor_id.value;
  const executor = ExecutorRef.safeParse({ ...framework, executorId: ownIdOf(executorId) });
  return executor.success
    ? { executor: executor.data, executorId, proof: proofOf(request) }
    : undefined;
}

const BEARER = /^bearer +(.+)$/i;

function proofOf({ headers, raw }: FastifyRequest): ExecutorProof {
  const token = BEARER.exec(headers.authorization ?? '')?.[1]?.trim();
  if (token !== undefined) return { token };
  const userId = peerUserOf(raw.socket);
  return userId === undefined ? {} : { userId };
}

/** Who showed a token to subscribe shows it again. */
function isSameProof(one: ExecutorProof, other: ExecutorProof): boolean {
  if (one.token === undefined || other.token === undefined) {
    return one.token === other.token && one.userId !== undefined && one.userId === other.userId;
  }
  const [first, second] = [Buffer.from(one.token), Buffer.from(other.token)];
  return first.length === second.length && timingSafeEqual(first, second);
}

function refuse(reply: FastifyReply, { why, message }: Refused): FastifyReply {
  if (why === 'noProof') reply.header('WWW-Authenticate', `Bearer realm="${REALM}"`);
  return sendText(reply, STATUS_OF_REFUSAL[why], message);
}

const sendText = (reply: FastifyReply, status: number, text: string): FastifyReply =>
  reply.code(status).type('text/plain; charset=utf-8').send(text);
