// Owns what a supervisor asks: whether the process lives (/healthz), and whether it may be sent requests (/readyz).
import type { RouteGroup } from '../routes.ts';

/** What is older is not shown as the present. */
const MAX_STALE_MS = 5000;

export const healthRoutes: RouteGroup =
  ({ live, startUp }) =>
  async (server) => {
    server.get('/healthz', async () => ({ alive: true }));
    server.get('/readyz', async (_request, reply) => {
      const staleMs = Math.round(live.staleMs());
      const { state, sequence } = live.followed;
      const leader = state.record.masterId;
      const isReady = staleMs <= MAX_STALE_MS && leader !== undefined && startUp.isDone;
      reply.code(isReady ? 200 : 503);
      return { ready: isReady, leader: leader ?? null, journalSequence: sequence, staleMs };
    });
  };
