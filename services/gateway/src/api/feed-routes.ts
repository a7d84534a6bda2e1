// Owns the live feeds: Server-Sent Events for scripts, which go on after the last event that they have seen, and one
// WebSocket for each tab of a page, on which it asks for as many topics as it shows.
import type { WebSocket } from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LetIn } from '../access/let-in.ts';
import type { GatewayContext } from '../gateway-context.ts';
import { EventFeed, type FeedMeans } from './event-feed.ts';
import { FeedSession } from './feed-session.ts';
import type { LiveView } from './live-view.ts';
import { EventPlace } from './shapes.ts';

/** What a tab may leave unread; then it is told to begin anew. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Less waits for a moment after each message, until the network has taken it. */
const NOTICED_BYTES = 64 * 1024;
/**
 * Of a WebSocket that is ended because whoever opened it would not be let in any more: RFC 6455 leaves 4000 and above to us.
 */
const SIGNED_OUT = 4401;

export function addFeedRoutes(
  server: FastifyInstance,
  context: GatewayContext,
  liveView: LiveView,
): void {
  const letIn = new LetIn(context.access, 'view');
  server.get(
    '/v1/feed',
    {
      // Of an answer that never ends nobody asks the head alone: it would be a reader to whom nothing can be sent.
      exposeHeadRoute: false,
      schema: {
        summary: 'events as they happen (text/event-stream); Last-Event-ID goes on',
      } as object,
    },
    async (request, reply) => {
      const feed = streamEvents(request, reply, { liveView, slowReaders: context.slowReaders });
      if (feed === undefined) return reply;
      const forget = letIn.add(request, (why) => feed.endBecause(why));
      reply.raw.once('close', forget);
      return reply;
    },
  );
  server.get(
    '/v1/stream',
    { websocket: true, schema: { summary: 'WebSocket of live topics' } as object },
    (socket, request) => {
      const session = openSession(socket, context, liveView);
      const forget = letIn.add(request, (why) => {
        session.close();
        socket.close(SIGNED_OUT, why);
      });
      socket.once('close', forget);
    },
  );
}

function openSession(
  socket: WebSocket,
  { link, live, slowReaders }: GatewayContext,
  liveView: LiveView,
): FeedSession {
  const session = new FeedSession({
    liveView,
    aboutNow: () => ({ cluster: link.cluster, staleMs: live.staleMs() }),
    send: (text) => {
      socket.send(text);
      if (socket.bufferedAmount > NOTICED_BYTES) slowReaders.look();
    },
    unreadBytes: () => socket.bufferedAmount,
    // Not by a farewell: one that asks without end need not listen to it.
    end: () => socket.terminate(),
    maxUnreadBytes: MAX_UNREAD_BYTES,
  });
  const uncount = slowReaders.add({
    stream: 'socket',
    unreadBytes: () => socket.bufferedAmount,
    end: () => socket.terminate(),
  });
  const over = (): void => {
    session.close();
    uncount();
  };
  socket.on('message', (data: Buffer) => session.received(data.toString()));
  socket.on('close', over);
  socket.on('error', over);
  return session;
}

function streamEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  means: FeedMeans,
): EventFeed | undefined {
  const last = request.headers['last-event-id'];
  const place = EventPlace.safeParse(last);
  reply.hijack();
  const { raw } = reply;
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) raw.setHeader(name, value);
  }
  raw.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  });
  return EventFeed.begin(raw, means, last === undefined ? 'now' : (place.data ?? 'unknown'));
}
