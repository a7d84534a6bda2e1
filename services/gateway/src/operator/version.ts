// Owns what Mesos's tools ask first: whether somebody answers, and which version of Mesos's interface it is.
import { RELEASE_VERSION } from '@parley/actor/release';
import type { RouteGroup } from '../routes.ts';
import { answerJsonp } from './jsonp.ts';
import { MESOS_VERSION } from './mesos-version.ts';

export const versionInfo = { version: MESOS_VERSION, parley_version: RELEASE_VERSION } as const;

/** Nobody has to sign in for these: load balancers ask them. */
export const versionRoutes: RouteGroup = () => async (server) => {
  answerJsonp(server);
  server.get('/version', async () => versionInfo);
  server.get('/health', async (_request, reply) => reply.code(200).send(''));
};
