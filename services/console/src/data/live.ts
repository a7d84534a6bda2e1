// Owns the feed of this page, and whether it is there.
import { signal } from '@preact/signals';
import { steadyMs } from '../effects.ts';
import { ask } from './gateway.ts';
import { type Asked, LiveFeed, type Socket, type SocketEvents, type Told } from './live-feed.ts';

/** Since when the page hears nothing, in steady milliseconds; undefined while it does. */
export const lostSinceMs = signal<number | undefined>(undefined);

let feed: LiveFeed | undefined;

export function subscribe(
  asked: Asked,
  tell: (told: Told) => void,
  after?: () => string | undefined,
): () => void {
  feed ??= new LiveFeed({
    open: openSocket,
    later: (run, afterMs) => void setTimeout(run, afterMs),
    onState: (isLive) => {
      if (isLive) lostSinceMs.value = undefined;
      else {
        lostSinceMs.value ??= steadyMs();
        // A session that has ended refuses the socket without saying why; this leads to signing in.
        ask('/v1/session').catch(() => undefined);
      }
    },
  });
  return feed.subscribe(asked, tell, after);
}

function openSocket({ onOpen, onText, onClose }: SocketEvents): Socket {
  const socket = new WebSocket(
    `${location.protocol.replace('http', 'ws')}//${location.host}/v1/stream`,
  );
  socket.onopen = onOpen;
  socket.onmessage = ({ data }) => onText(String(data));
  socket.onclose = onClose;
  return socket;
}
