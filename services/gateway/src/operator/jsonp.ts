// Owns JSONP: an answer in JSON as a script that calls a function of the page, as web pages for Mesos ask for it. It is
// the one way for a page of another site to read answers, so it is refused to what a browser says comes from one.
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** A name, or names with dots between (`angular.callbacks._0`): nothing that could be a script of its own. */
const CALLBACK = /^[A-Za-z_$][A-Za-z0-9_$]{0,63}(?:\.[A-Za-z_$][A-Za-z0-9_$]{0,63}){0,3}$/;

/** Undefined: none is asked for. Fails with `malformed` or `notPermitted`. */
function callbackOf(query: unknown, site: string | undefined): Outcome<string | undefined> {
  const asked = (query as Readonly<Record<string, unknown>> | undefined)?.['jsonp'];
  if (asked === undefined) return succeed(undefined);
  if (site === 'cross-site') {
    return fail('notPermitted', 'a page of another site may not read this with jsonp');
  }
  if (typeof asked === 'string' && CALLBACK.test(asked)) return succeed(asked);
  return fail('malformed', 'jsonp: not the name of a function');
}

const asScript = (callback: string, json: string): string => `${callback}(${json});`;

/** For all routes of this server that are added to it. */
export function answerJsonp(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    const callback = requestedCallback(request);
    if (callback.ok) return;
    reply.code(callback.failure.code === 'malformed' ? 400 : 403).type('text/plain; charset=utf-8');
    return reply.send(callback.failure.message);
  });
  server.addHook('onSend', async (request, reply, payload) => {
    const callback = requestedCallback(request);
    if (!callback.ok || callback.value === undefined || reply.statusCode !== 200) return payload;
    const isJson = String(reply.getHeader('content-type')).startsWith('application/json');
    if (!isJson || !(typeof payload === 'string' || Buffer.isBuffer(payload))) return payload;
    reply.type('application/javascript; charset=utf-8').removeHeader('content-length');
    return asScript(callback.value, payload.toString());
  });
}

const requestedCallback = ({ query, headers }: FastifyRequest): Outcome<string | undefined> => {
  const site = headers['sec-fetch-site'];
  return callbackOf(query, Array.isArray(site) ? site[0] : site);
};
