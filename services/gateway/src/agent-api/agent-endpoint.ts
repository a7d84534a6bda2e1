// Owns Mesos's operator interface of an agent, /api/v1 of its process: what is looked at in which order, who may do what, and
// how it is answered. What the calls mean is in agent-answers.ts and container-desk.ts.
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { systemClock } from '@parley/actor/nats/system-clock';
import type { AgentRecord } from '@parley/cluster/records';
import { type Encoding, encode } from '@parley/mesos-api/codec';
import { mediaTypeOf } from '@parley/mesos-api/media-type';
import { type Failure, fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { AgentId } from '@parley/protocol/ids';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LetIn } from '../access/let-in.ts';
import { awaitLongBody } from '../access/long-bodies.ts';
import { permit } from '../access/permit.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { statusOf } from '../operator/leader-calls.ts';
import type { OperatorDesk, PlainCall } from '../operator/operator-desk.ts';
import { seenOn } from '../read-model/containers-page.ts';
import type { ModelSource } from '../read-model/model-source.ts';
import { answerOfAgent, getContainers } from './agent-answers.ts';
import {
  type Asked,
  type Read,
  type Refused,
  readAgentCall,
  type TypedCall,
} from './agent-call.ts';
import { type AgentResponse, type Answer, ContainerDesk, type Visit } from './container-desk.ts';
import { type OutputForm, ProcessStream } from './process-stream.ts';

/** Answered as by the master: of this gateway, or of the sandboxes of all agents. */
const SHARED: ReadonlySet<string> = new Set([
  'GET_HEALTH',
  'GET_VERSION',
  'GET_LOGGING_LEVEL',
  'SET_LOGGING_LEVEL',
  'GET_OPERATIONS',
  'LIST_FILES',
  'READ_FILE',
]);
const CHANGES: ReadonlySet<string> = new Set([
  'SET_LOGGING_LEVEL',
  'LAUNCH_NESTED_CONTAINER_SESSION',
  'KILL_NESTED_CONTAINER',
  'KILL_CONTAINER',
  'REMOVE_NESTED_CONTAINER',
  'REMOVE_CONTAINER',
]);

export class AgentEndpoint {
  readonly #context: GatewayContext;
  readonly #source: ModelSource;
  readonly #desk: OperatorDesk;
  readonly #containers: ContainerDesk;
  /** What goes on, by what it takes. */
  readonly #letIn: { readonly view: LetIn; readonly operate: LetIn };

  constructor(context: GatewayContext, source: ModelSource, desk: OperatorDesk) {
    this.#context = context;
    this.#source = source;
    this.#desk = desk;
    this.#containers = new ContainerDesk(context);
    const { access } = context;
    this.#letIn = { view: new LetIn(access, 'view'), operate: new LetIn(access, 'operate') };
  }

  /** Kills what was begun here. */
  close(): Promise<void> {
    return this.#containers.close();
  }

  /** `agentId`: which one is asked; undefined: whichever has the container that the call names. */
  async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    agentId: AgentId | undefined,
  ): Promise<FastifyReply> {
    const read = readRequest(request);
    const isChange = 'records' in read || ('call' in read && CHANGES.has(read.call.type));
    const permission = isChange ? 'operate' : 'view';
    const visitor = await permit(this.#context.access, request, reply, {
      permission,
      realm: isChange ? 'mesos-agent-readwrite' : 'mesos-agent-readonly',
    });
    if (visitor === undefined) return reply;
    if ('refused' in read) return refuse(reply, read.refused);
    if ('records' in read) return this.#feed(request, reply, read.records, agentId);
    const open = (): ProcessStream => {
      const stream = openStream(reply, read.form);
      // A command ends with the answer to whoever began it.
      const forget = this.#letIn[permission].add(request, (why) => stream.dismiss(why));
      stream.onClosed(forget);
      return stream;
    };
    const left = closeOf(reply.raw);
    const answer = await this.#carryOut(read.call, { agentId, visitor: visitor.name, open, left });
    return send(reply, answer, read.form.encoding);
  }

  async #carryOut(call: TypedCall, visit: Visit): Promise<Outcome<Answer>> {
    const { type } = call;
    if (SHARED.has(type)) {
      const answer = await this.#desk.carryOut(call as PlainCall, { name: visit.visitor });
      return answer.ok ? succeed((answer.value as AgentResponse | undefined) ?? 200) : answer;
    }
    if (!type.startsWith('GET_')) return this.#containers.carryOut(call, visit);
    const model = this.#source.now();
    const agent = visit.agentId && model.state.agents.get(visit.agentId);
    if (agent === undefined) return fail('unknownAgent', 'The agent has not registered yet');
    if (type === 'GET_CONTAINERS') return succeed(await this.#containersOn(call, agent));
    const answer = answerOfAgent(type, model, agent);
    return answer === undefined
      ? fail('unknownVerb', `The call '${type}' has no equal in this cluster`)
      : succeed(answer as AgentResponse);
  }

  async #containersOn({ get_containers }: TypedCall, agent: AgentRecord): Promise<AgentResponse> {
    const { usage } = this.#context;
    const nowWallMs = systemClock.wallTimeMs();
    const seen = await seenOn(this.#source.now(), agent, { usage, nowWallMs });
    const isNested = get_containers?.show_nested === true;
    const answer = getContainers(seen, isNested, (id) => this.#containers.nestedBeside(id));
    return answer as AgentResponse;
  }

  async #feed(
    request: FastifyRequest,
    reply: FastifyReply,
    encoding: Encoding,
    agentId: AgentId | undefined,
  ): Promise<FastifyReply> {
    const { body, raw } = request;
    if (!(body instanceof Readable)) {
      return refuse(reply, { status: 400, message: 'There is no body' });
    }
    const arrived = awaitLongBody({ raw });
    const dismissed = Promise.withResolvers<string>();
    const forget = this.#letIn.operate.add(request, dismissed.resolve);
    try {
      const visit = { agentId, dismissed: dismissed.promise };
      const fed = await this.#containers.feed(body, encoding, visit);
      // Where the command ended before its input, or whoever brings it was dismissed, the rest of that is not read.
      reply.header('Connection', 'close');
      return send(reply, fed, encoding);
    } catch {
      // Who sent it has left.
      return reply.code(400).send();
    } finally {
      forget();
      arrived();
    }
  }
}

const closeOf = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    if (response.closed) resolve();
    else response.once('close', () => resolve());
  });

function readRequest({ method, headers, body }: FastifyRequest): Read {
  const text = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const asked: Asked = {
    ...{ method, contentType: headers['content-type'], accept: headers.accept },
    messageContentType: text('message-content-type'),
    messageAccept: text('message-accept'),
  };
  return readAgentCall(asked, body instanceof Uint8Array ? body : undefined);
}

function openStream(reply: FastifyReply, form: OutputForm): ProcessStream {
  const headers = reply.getHeaders() as Record<string, string>;
  reply.hijack();
  return new ProcessStream(reply.raw, form, headers);
}

function send(reply: FastifyReply, answer: Outcome<Answer>, encoding: Encoding): FastifyReply {
  if (!answer.ok) return refuse(reply, refusalOf(answer.failure));
  const { value } = answer;
  if (value === undefined) return reply;
  if (typeof value === 'number') return reply.code(value).send();
  const bytes = encode('agent.Response', encoding, value);
  return reply.type(mediaTypeOf(encoding)).send(Buffer.from(bytes));
}

const refusalOf = (failure: Failure): Refused => ({
  status: statusOf(failure),
  message: failure.message,
});

function refuse(reply: FastifyReply, { status, message }: Refused): FastifyReply {
  if (status === 405) reply.header('Allow', 'POST');
  return reply.code(status).type('text/plain; charset=utf-8').send(message);
}
