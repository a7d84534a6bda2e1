// Owns the live feeds: Server-Sent Events for scripts, which go on after the last event that they have seen, and one
// WebSocket for each tab of a page, on which it asks for as many topics as it shows.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayContext } from '../gateway-context.ts';
import { EventFeed } from './event-feed.ts';
import { FeedSession } from './feed-session.ts';
import type { LiveView } from './live-view.ts';
import { EventPlace } from './shapes.ts';

/** What a tab may leave unread; then it is told to begin anew. */
const MAX_UNREAD_BYTES = 1024 * 1024;

export function addFeedRoutes(
  server: FastifyInstance,
  context: GatewayContext,
  liveView: LiveView,
): void {
  server.get(
    '/v1/feed',
    {
      // Of an answer that never ends nobody asks the head alone: it would be a reader to whom nothing can be sent.
      exposeHeadRoute: false,
      schema: {
        summary: 'events as they happen (text/event-stream); Last-Event-ID goes on',
      } as object,
    },
    async (request, reply) => streamEvents(request, reply, liveView),
  );
  server.get(
    '/v1/stream',
    { websocket: true, schema: { summary: 'WebSocket of live topics' } as object },
    (socket) => {
      const session = new FeedSession({
        liveView,
        aboutNow: () => ({ cluster: context.link.cluster, staleMs: context.live.staleMs() }),
        send: (text) => socket.send(text),
        unreadBytes: () => socket.bufferedAmount,
        // Not by a farewell: one that asks without end need not listen to it.
        end: () => socket.terminate(),
        maxUnreadBytes: MAX_UNREAD_BYTES,
      });
      socket.on('message', (data: Buffer) => session.received(data.toString()));
      socket.on('close', () => session.close());
      socket.on('error', () => session.close());
    },
  );
}

function streamEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  liveView: LiveView,
): FastifyReply {
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
  EventFeed.begin(raw, liveView, last === undefined ? 'now' : (place.data ?? 'unknown'));
  return reply;
}
