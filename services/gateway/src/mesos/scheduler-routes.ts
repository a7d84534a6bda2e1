// Owns /api/v1/scheduler: what is looked at in which order before a call is carried out, and with which status it is
// refused, as Mesos's master does. What a call means is in framework-calls.ts and subscribe.ts.
import type { OutgoingHttpHeaders } from 'node:http';
import { decode, type Encoding, encode } from '@parley/mesos-api/codec';
import {
  encodingOfAccept,
  encodingOfContentType,
  JSON_TYPE,
  mediaTypeOf,
  PROTOBUF_TYPE,
} from '@parley/mesos-api/media-type';
import type { SchedulerEvent } from '@parley/mesos-api/message-types';
import { frameworkKey, type PrincipalName } from '@parley/protocol/ids';
import { connectClient } from '@parley/scheduler-sdk/client';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { permitted, visitorBehind } from '../access/permit.ts';
import type { Visitor } from '../access/visitor.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { ModelSource } from '../read-model/model-source.ts';
import type { RouteGroup } from '../routes.ts';
import { callFault } from './call-validation.ts';
import { EventStream } from './event-stream.ts';
import { frameworkRefOf } from './framework-translation.ts';
import { HostAddresses } from './host-addresses.ts';
import type { Call, Event } from './mesos-types.ts';
import { subscribe } from './subscribe.ts';
import { Subscriptions } from './subscriptions.ts';

const PATH = '/api/v1/scheduler';
const CALL = 'scheduler.Call';
const EVENT = 'scheduler.Event';
/** What is older is not what the cluster is like now. */
const MAX_STALE_MS = 60_000;

export const schedulerRoutes: RouteGroup = (context) => async (server) => {
  const endpoint = new SchedulerEndpoint(context, new ModelSource(context, server));
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  const demand = { permission: 'framework', realm: 'mesos-master-scheduler' } as const;
  server.addHook('onRequest', permitted(context.access, demand));
  server.all(PATH, (request, reply) => endpoint.answer(request, reply));
  server.addHook('preClose', () => endpoint.close());
};

class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

class SchedulerEndpoint {
  readonly #context: GatewayContext;
  readonly #subscriptions = new Subscriptions();
  readonly #hosts: HostAddresses;
  readonly #source: ModelSource;

  constructor(context: GatewayContext, source: ModelSource) {
    this.#context = context;
    this.#source = source;
    this.#hosts = new HostAddresses(context.nowMs);
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      return await this.#answer(request, reply, visitorBehind(request));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 405) reply.header('Allow', 'POST');
      return reply.code(error.status).type('text/plain; charset=utf-8').send(error.message);
    }
  }

  close(): Promise<void> {
    return this.#subscriptions.close();
  }

  async #answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { principal }: Visitor,
  ): Promise<FastifyReply> {
    this.#refuseWithoutLeader();
    if (request.method !== 'POST') {
      throw new Refusal(405, `Expecting one of { 'POST' }, but received '${request.method}'`);
    }
    const call = readCall(request);
    const fault = callFault(call, principal);
    if (fault !== undefined) throw new Refusal(400, `Failed to validate scheduler::Call: ${fault}`);
    const streamId = request.headers['mesos-stream-id'];
    if (call.type === 'SUBSCRIBE') {
      const encoding = acceptedEncoding(request);
      if (streamId !== undefined) {
        throw new Refusal(400, 'Subscribe calls should not include the Mesos-Stream-Id header');
      }
      return this.#subscribe(call, { reply, encoding, principal });
    }
    if (call.type === 'RECONCILE_OPERATIONS') acceptedEncoding(request);
    const subscription = this.#subscriptionOf(call, principal, streamId);
    // The last that Mesos looks at.
    if (call.type === 'UNKNOWN') throw new Refusal(501, 'Unknown call type');
    const { status, message } = await subscription.handle(call);
    reply.code(status);
    return message === undefined
      ? reply.send()
      : reply.type('text/plain; charset=utf-8').send(message);
  }

  /** A gateway that cannot say who leads is what a master without a leader is. */
  #refuseWithoutLeader(): void {
    const { live } = this.#context;
    if (live.staleMs() > MAX_STALE_MS || live.followed.state.record.masterId === undefined) {
      throw new Refusal(503, 'No leader elected');
    }
  }

  #subscriptionOf(call: Call, visitor: PrincipalName | undefined, streamId: unknown) {
    const { config, live } = this.#context;
    const id = call.framework_id?.value ?? '';
    const framework = frameworkRefOf(id, visitor ?? config.defaultPrincipal);
    const subscription = framework && this.#subscriptions.of(framework);
    if (framework === undefined || subscription === undefined) {
      const isThere =
        framework !== undefined &&
        live.followed.state.frameworks.get(frameworkKey(framework)) !== undefined;
      if (!isThere) throw new Refusal(400, 'Framework cannot be found');
      this.#refuseOthers(framework.principal, visitor);
      throw new Refusal(403, 'Framework is not subscribed');
    }
    this.#refuseOthers(framework.principal, visitor);
    if (streamId === undefined) {
      throw new Refusal(400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
    }
    if (streamId !== subscription.streamId) {
      throw new Refusal(
        400,
        "The stream ID included in this request didn't match the stream ID currently associated with this framework",
      );
    }
    return subscription;
  }

  #refuseOthers(owner: PrincipalName, visitor: PrincipalName | undefined): void {
    if (visitor === undefined || visitor === owner) return;
    throw new Refusal(400, `Authenticated principal '${visitor}' does not own the framework`);
  }

  async #subscribe(
    call: Call,
    {
      reply,
      encoding,
      principal,
    }: {
      readonly reply: FastifyReply;
      readonly encoding: Encoding;
      readonly principal: PrincipalName | undefined;
    },
  ): Promise<FastifyReply> {
    if (call.subscribe === undefined) throw new Refusal(400, 'no subscribe');
    const stream = new EventStream<Event>(reply.raw, {
      encode: (event) => encode(EVENT, encoding, event as SchedulerEvent),
      heartbeat: { type: 'HEARTBEAT' },
      slowReaders: this.#context.slowReaders,
      onBegin: () => {
        reply.hijack();
        return reply.getHeaders() as OutgoingHttpHeaders;
      },
    });
    const begun = await subscribe(
      {
        ...{ context: this.#context, subscriptions: this.#subscriptions, hosts: this.#hosts },
        source: this.#source,
        connect: connectClient,
      },
      {
        subscribe: call.subscribe,
        ...{ visitor: principal, stream },
        contentType: mediaTypeOf(encoding),
      },
    );
    if (!begun.ok) throw new Refusal(503, begun.failure.message);
    return reply;
  }
}

/** Mesos takes these names as they are, without parameters. */
function readCall(request: FastifyRequest): Call {
  const type = request.headers['content-type'];
  if (type === undefined) throw new Refusal(400, "Expecting 'Content-Type' to be present");
  const encoding = encodingOfContentType(type);
  if (encoding === undefined) {
    throw new Refusal(415, `Expecting 'Content-Type' of ${JSON_TYPE} or ${PROTOBUF_TYPE}`);
  }
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
  const call = decode(CALL, encoding, body);
  if (!call.ok) throw new Refusal(400, call.failure.message);
  return call.value as Call;
}

function acceptedEncoding({ headers }: FastifyRequest): Encoding {
  const encoding = encodingOfAccept(headers.accept);
  if (encoding !== undefined) return encoding;
  throw new Refusal(406, `Expecting 'Accept' to allow ${JSON_TYPE} or ${PROTOBUF_TYPE}`);
}
