// Owns the paths to what is measured: how the cluster went lately, and what a task uses now.
import { AgentId, TaskRef } from '@parley/protocol/ids';
import { UnitUsage } from '@parley/protocol/usage';
import * as z from 'zod';
import type { UsageBoard } from '../usage-board.ts';
import type { TypedServer } from './answering.ts';
import type { Course } from './course.ts';

const Amounts = z.record(z.string(), z.number());
const SampleShape = z.object({
  wallTimeMs: z.number(),
  total: Amounts,
  allocated: Amounts,
  offered: Amounts,
  used: Amounts.optional().describe('as agents measure it: cpus and mem'),
  shares: z
    .array(
      z.object({
        framework: z.string(),
        name: z.string(),
        share: z.number(),
        resource: z.string().optional(),
      }),
    )
    .describe('dominant share of each framework divided by the weight of its role'),
});
const After = z.object({
  after: z.coerce.number().int().min(0).default(0).describe('milliseconds since 1970'),
});
const UsageShape = UnitUsage.omit({ task: true, executor: true, cpuUs: true }).extend({
  cpuMillis: z.number(),
});

export function addCourseRoutes(
  typed: TypedServer,
  {
    course,
    usage,
    wallTimeMs,
    onAsked,
  }: {
    readonly course: Course;
    readonly usage: UsageBoard;
    readonly wallTimeMs: () => number;
    /** Somebody wants to know what agents measure. */
    readonly onAsked: () => void;
  },
): void {
  typed.route({
    method: 'GET',
    url: '/v1/course',
    schema: {
      summary: 'how it went lately: a sample each second, since this gateway was started',
      querystring: After,
      response: { 200: z.object({ samples: z.array(SampleShape) }) },
    },
    handler: async ({ query: { after } }) => {
      onAsked();
      const samples = course
        .after(after)
        .map((sample) => ({ ...sample, shares: [...sample.shares] }));
      return { samples };
    },
  });
  typed.route({
    method: 'GET',
    url: '/v1/agents/:agentId/course',
    schema: {
      summary:
        'how an agent went: a sample each second, since somebody first asked and while somebody does',
      params: z.object({ agentId: AgentId }),
      querystring: After,
      response: { 200: z.object({ samples: z.array(SampleShape.omit({ shares: true })) }) },
    },
    handler: async ({ params: { agentId }, query: { after } }) => {
      onAsked();
      return { samples: [...course.ofAgent(agentId, after, wallTimeMs())] };
    },
  });
  typed.route({
    method: 'GET',
    url: '/v1/tasks/:principal/:frameworkId/:taskId/usage',
    schema: {
      summary:
        'what a task uses, as its agent tells it while somebody asks; null until it has told',
      params: TaskRef,
      response: { 200: z.object({ usage: UsageShape.nullable() }) },
    },
    handler: async ({ params }) => ({ usage: usage.usageOf(params) ?? null }),
  });
}
