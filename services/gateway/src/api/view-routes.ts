// Owns Parley's own HTTP API of what is: the cluster as a whole, its lists by pages, and what happened last. Out of the live
// view; schemas check what is asked and document it.

import { countsOf } from '@parley/cluster-view/counts';
import type { ListName } from '@parley/cluster-view/query';
import * as z from 'zod';
import type { GatewayContext } from '../gateway-context.ts';
import { orProblem, type TypedServer } from './answering.ts';
import type { LiveView, ToldEvent } from './live-view.ts';
import { listRows, rowOf } from './past-questions.ts';
import { At } from './past-routes.ts';
import type { PastThread } from './past-thread.ts';
import {
  AgentShape,
  EventShape,
  EventsQuery,
  FrameworkShape,
  ListQuery,
  OfferShape,
  OverviewShape,
  Problem,
  pageOf,
  TaskShape,
} from './shapes.ts';

const LIST_SHAPES = {
  agents: pageOf(AgentShape),
  frameworks: pageOf(FrameworkShape),
  tasks: pageOf(TaskShape),
  offers: pageOf(OfferShape),
} as const satisfies Record<ListName, z.ZodType>;

type Views = { readonly liveView: LiveView; readonly past: Pick<PastThread, 'ask'> };

const AtQuery = z.object({ at: At });

const SUMMARIES: Record<ListName, string> = {
  agents: 'agents that are registered or were lately',
  frameworks: 'frameworks that are there, then those that were removed lately',
  tasks: 'live tasks, then those that ended lately',
  offers: 'outstanding offers, then those that ended lately',
};

export function addViewRoutes(
  typed: TypedServer,
  { live, link }: Pick<GatewayContext, 'live' | 'link'>,
  { liveView, past }: Views,
): void {
  typed.route({
    method: 'GET',
    url: '/v1/overview',
    schema: {
      summary: 'the cluster in numbers',
      querystring: AtQuery,
      response: { 200: OverviewShape },
    },
    handler: async ({ query: { at } }) => ({
      ...{ cluster: link.cluster, staleMs: live.staleMs() },
      ...(at === undefined
        ? countsOf(liveView.view)
        : orProblem(await past.ask({ kind: 'overview', at }))),
    }),
  });
  for (const list of Object.keys(LIST_SHAPES) as ListName[]) {
    typed.route({
      method: 'GET',
      url: `/v1/${list}`,
      schema: {
        summary: SUMMARIES[list],
        querystring: ListQuery.extend({ at: At }),
        response: { 200: LIST_SHAPES[list] },
      },
      // Rows are as the shapes say, by their types: a thousand of them are not checked one by one on their way out.
      serializerCompiler: () => JSON.stringify,
      handler: async ({ query: { at, ...asked } }) => {
        const page =
          at === undefined
            ? listRows(liveView.view, list, asked)
            : orProblem(await past.ask({ kind: 'list', at, list, asked }));
        // Each list's rows are of its own shape.
        const shown = page as z.infer<(typeof LIST_SHAPES)['agents']>;
        return { ...shown, staleMs: live.staleMs() };
      },
    });
  }
  addSingleRoutes(typed, { liveView, past });
  addEventRoute(typed, liveView);
}

type SingleRow = {
  readonly list: 'agents' | 'frameworks' | 'tasks';
  readonly what: string;
  readonly url: string;
  readonly params: z.ZodObject<Record<string, z.ZodString>>;
  readonly shape: z.ZodType;
};
const ofFramework = { principal: z.string(), frameworkId: z.string() };
const SINGLE_ROWS: readonly SingleRow[] = [
  {
    list: 'agents',
    what: 'agent',
    url: '/v1/agents/:agentId',
    params: z.object({ agentId: z.string() }),
    shape: AgentShape,
  },
  {
    list: 'frameworks',
    what: 'framework',
    url: '/v1/frameworks/:principal/:frameworkId',
    params: z.object(ofFramework),
    shape: FrameworkShape,
  },
  {
    list: 'tasks',
    what: 'task',
    url: '/v1/tasks/:principal/:frameworkId/:taskId',
    params: z.object({ ...ofFramework, taskId: z.string() }),
    shape: TaskShape,
  },
];

/** By the ids that the lists give: the key of a row is its ids. */
function addSingleRoutes(typed: TypedServer, { liveView, past }: Views): void {
  for (const { list, what, url, params, shape } of SINGLE_ROWS) {
    typed.route({
      method: 'GET',
      url,
      schema: {
        ...{ summary: `one ${what}`, params, querystring: AtQuery },
        response: { 200: shape, 404: Problem },
      },
      handler: async (request, reply) => {
        const { at } = request.query;
        const key = Object.values(request.params).join('/');
        const row =
          at === undefined
            ? rowOf(liveView.view, list, key)
            : orProblem(await past.ask({ kind: 'row', at, list, key }));
        return row ?? reply.code(404).send(notFound(what));
      },
    });
  }
}

function addEventRoute(typed: TypedServer, liveView: LiveView): void {
  typed.route({
    method: 'GET',
    url: '/v1/events',
    schema: {
      summary: 'what happened, the newest last; as text/event-stream it goes on',
      querystring: EventsQuery,
      response: {
        200: z.object({ isWhole: z.boolean(), items: z.array(EventShape) }),
      },
    },
    handler: async ({ query: asked }) => {
      const known = asked.after && liveView.eventsAfter(asked.after);
      const isWhole = asked.after === undefined || known !== undefined;
      const all = (known ?? liveView.events).filter((event) => fits(event, asked.filter));
      // From a place on the first ones, so that nothing is left out; else the last ones.
      const items = asked.after ? all.slice(0, asked.limit) : all.slice(-asked.limit);
      return { isWhole, items: [...items] };
    },
  });
}

function fits({ text, event }: ToldEvent, filter: string | undefined): boolean {
  if (filter === undefined || filter === '') return true;
  const part = filter.toLowerCase();
  return text.toLowerCase().includes(part) || event.type.toLowerCase() === part;
}

const notFound = (what: string): { error: string } => ({
  error: `there is no such ${what}, or it ended longer ago than is kept`,
});
