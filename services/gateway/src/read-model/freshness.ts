// Owns telling whoever reads how old it is what he reads: in headers, and with a refusal where it is too old to be of use.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FollowedCluster } from '../live-cluster.ts';

/** What is older is not shown any more. */
const MAX_STALE_MS = 60_000;

/** A hook before a route's handler. */
export function refuseStale(live: FollowedCluster) {
  return async (
    _request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> => {
    const staleMs = Math.round(live.staleMs());
    reply.header('Parley-Journal-Sequence', live.followed.sequence);
    reply.header('Parley-Stale-Ms', staleMs);
    reply.header('Cache-Control', 'no-store');
    if (staleMs > 0) reply.header('Warning', '110 - "Response is Stale"');
    if (staleMs <= MAX_STALE_MS) return undefined;
    reply.code(503).type('text/plain; charset=utf-8');
    return reply.send(
      `The books of the cluster could not be read for ${Math.round(staleMs / 1000)} s: is the bus there?`,
    );
  };
}
