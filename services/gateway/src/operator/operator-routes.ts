// Owns the paths of Mesos's operator interfaces, and that of its master: what is looked at in which order before a call is
// carried out, in which encoding it is answered, and with which status it is refused.
import type { OutgoingHttpHeaders } from 'node:http';
import { systemClock } from '@parley/actor/nats/system-clock';
import { decode, type Encoding, encode } from '@parley/mesos-api/codec';
import {
  encodingOfAccept,
  encodingOfContentType,
  JSON_TYPE,
  mediaTypeOf,
  PROTOBUF_TYPE,
  RECORDIO_TYPE,
} from '@parley/mesos-api/media-type';
import type { MasterEvent, MasterResponse } from '@parley/mesos-api/message-types';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LetIn } from '../access/let-in.ts';
import { identified, permit, type Realm } from '../access/permit.ts';
import { isForContainer } from '../agent-api/agent-call.ts';
import { AgentEndpoint } from '../agent-api/agent-endpoint.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { agentOfNumber } from '../read-model/agent-state-page.ts';
import { refuseStale } from '../read-model/freshness.ts';
import { ModelSource } from '../read-model/model-source.ts';
import type { RouteGroup } from '../routes.ts';
import { statusOf } from './leader-calls.ts';
import { AGENT_PAGES } from './mesos-paths.ts';
import { getState } from './operator-answers.ts';
import { ACCEPTED } from './operator-changes.ts';
import { needsOperate, OperatorDesk, type PlainCall } from './operator-desk.ts';
import { HEARTBEAT_SECONDS, OperatorStreams } from './operator-streams.ts';

/** Of a master, or of the agent whose gateway this is. */
const PATH = '/api/v1';
/** Always of the master; some drivers post to it. */
const MASTER_PATH = `${PATH}/operator`;

export const operatorRoutes: RouteGroup = (context) => async (server) => {
  const source = new ModelSource(context, server);
  const desk = new OperatorDesk(context, source);
  const endpoint = new OperatorEndpoint(context, source, desk);
  const agents = new AgentEndpoint(context, source, desk);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  const realmOf = ({ url }: FastifyRequest): Realm =>
    context.config.agentId !== undefined || url.startsWith(AGENT_PAGES)
      ? 'mesos-agent-readonly'
      : 'mesos-master-readonly';
  server.addHook('onRequest', identified(context.access, realmOf));
  server.addHook('onRequest', refuseStale(context.live));
  // Of an attached terminal: read as it comes.
  server.addContentTypeParser(RECORDIO_TYPE, (_request, body, done) => done(null, body));
  const { agentId } = context.config;
  server.all(MASTER_PATH, (request, reply) => endpoint.answer(request, reply));
  server.all(PATH, (request, reply) =>
    agentId !== undefined || isForContainer(request)
      ? agents.answer(request, reply, agentId)
      : endpoint.answer(request, reply),
  );
  server.all<{ Params: { number: string } }>(
    `${AGENT_PAGES}/:number${PATH}`,
    async (request, reply) => {
      const { state } = source.now();
      const agent = agentOfNumber(state, request.params.number, agentId);
      if (agent !== undefined) return agents.answer(request, reply, agent.agentId);
      const demand = { permission: 'view', realm: 'mesos-agent-readonly' } as const;
      const visitor = await permit(context.access, request, reply, demand);
      return visitor === undefined
        ? reply
        : refuse(reply, { status: 404, message: 'There is no such agent' });
    },
  );
  server.addHook('preClose', async () => {
    endpoint.close();
    await agents.close();
  });
};

class OperatorEndpoint {
  readonly #context: GatewayContext;
  readonly #source: ModelSource;
  readonly #desk: OperatorDesk;
  readonly #streams: OperatorStreams;
  readonly #letIn: LetIn;

  constructor(context: GatewayContext, source: ModelSource, desk: OperatorDesk) {
    this.#context = context;
    this.#source = source;
    this.#desk = desk;
    this.#letIn = new LetIn(context.access, 'view');
    this.#streams = new OperatorStreams(
      (event, encoding) => encode('master.Event', encoding, event as MasterEvent),
      context.slowReaders,
    );
    context.live.onEvent(({ event }) =>
      this.#streams.happened(() => source.now(), event, systemClock.wallTimeMs()),
    );
    context.live.onReset(() => this.#streams.endAll());
  }

  close(): void {
    this.#streams.endAll();
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const read = readCall(request);
    const isChange = read.call !== undefined && needsOperate(read.call.type);
    const visitor = await permit(this.#context.access, request, reply, {
      permission: isChange ? 'operate' : 'view',
      realm: isChange ? 'mesos-master-readwrite' : 'mesos-master-readonly',
    });
    if (visitor === undefined) return reply;
    if (read.call === undefined) return refuse(reply, read);
    const { call } = read;
    const encoding = encodingOfAccept(request.headers.accept);
    if (encoding === undefined) {
      const message = `Expecting 'Accept' to allow ${JSON_TYPE} or ${PROTOBUF_TYPE}`;
      return refuse(reply, { status: 406, message });
    }
    if (call.type === 'SUBSCRIBE') return this.#subscribe(request, reply, encoding);
    const answer = await this.#desk.carryOut(call, visitor);
    if (!answer.ok) {
      const { failure } = answer;
      return refuse(reply, { status: statusOf(failure), message: failure.message });
    }
    if (answer.value === undefined) return reply.code(ACCEPTED.has(call.type) ? 202 : 200).send();
    const bytes = encode('master.Response', encoding, answer.value as MasterResponse);
    return reply.type(mediaTypeOf(encoding)).send(Buffer.from(bytes));
  }

  #subscribe(request: FastifyRequest, reply: FastifyReply, encoding: Encoding): FastifyReply {
    const model = this.#source.now();
    reply.hijack();
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      'Content-Type': mediaTypeOf(encoding),
      'Transfer-Encoding': 'chunked',
      'Cache-Control': 'no-store',
    });
    const subscribed = {
      get_state: getState(model),
      heartbeat_interval_seconds: HEARTBEAT_SECONDS,
    };
    const first = { type: 'SUBSCRIBED', subscribed } as const;
    const end = this.#streams.add(reply.raw, encoding, model, first);
    // Mesos has no word for why: whoever subscribes again is told.
    if (end !== undefined) reply.raw.once('close', this.#letIn.add(request, end));
    return reply;
  }
}

type Refused = { readonly call?: undefined; readonly status: number; readonly message: string };
type Read = { readonly call: PlainCall } | Refused;

/** Mesos takes the names of types as they are, without parameters. */
function readCall({ method, headers, body }: FastifyRequest): Read {
  if (method !== 'POST') {
    return { status: 405, message: `Expecting one of { 'POST' }, but received '${method}'` };
  }
  const type = headers['content-type'];
  if (type === undefined) {
    return { status: 400, message: "Expecting 'Content-Type' to be present" };
  }
  const encoding = encodingOfContentType(type);
  if (encoding === undefined) {
    return { status: 415, message: `Expecting 'Content-Type' of ${JSON_TYPE} or ${PROTOBUF_TYPE}` };
  }
  const bytes = body instanceof Uint8Array ? body : new Uint8Array();
  const call = decode('master.Call', encoding, bytes);
  if (!call.ok) return { status: 400, message: call.failure.message };
  const { type: named } = call.value;
  if (named === undefined) {
    return {
      status: 400,
      message: "Failed to validate master::Call: Expecting 'type' to be present",
    };
  }
  if (named === 'UNKNOWN') return { status: 501, message: 'Unknown call type' };
  return { call: { ...call.value, type: named } };
}

function refuse(reply: FastifyReply, { status, message }: Omit<Refused, 'call'>): FastifyReply {
  if (status === 405) reply.header('Allow', 'POST');
  return reply.code(status).type('text/plain; charset=utf-8').send(message);
}
