// Owns what the tests of the scheduler interface write again and again: frameworks, tasks and calls in Mesos's words.
import type { SchedulerCall } from '@parley/mesos-api/message-types';
import type { Info, Offer } from './mesos-client.ts';

const MODERN = ['MULTI_ROLE', 'RESERVATION_REFINEMENT', 'PARTITION_AWARE', 'TASK_KILLING_STATE'];
const capabilities = (...types: readonly string[]) =>
  types.map((type) => ({ type })) as NonNullable<Info['capabilities']>;

/** A framework that knows all that Mesos has. */
export const modern = (name: string, more: Partial<Info> = {}): Info => ({
  ...{ user: 'nobody', name, roles: ['web'], failover_timeout: 3600 },
  capabilities: capabilities(...MODERN),
  ...more,
});

export const scalar = (name: string, value: number) =>
  ({ name, type: 'SCALAR', scalar: { value } }) as const;

export type Operation = NonNullable<NonNullable<SchedulerCall['accept']>['operations']>[number];
export type Task = NonNullable<NonNullable<Operation['launch']>['task_infos']>[number];

export const shell = (offer: Offer, id: string, value: string, more: Partial<Task> = {}): Task => ({
  ...{ name: id, task_id: { value: id }, agent_id: offer.agent_id },
  resources: [scalar('cpus', 0.1), scalar('mem', 32)],
  command: { value },
  ...more,
});

export const launch = (...tasks: readonly Task[]): Operation => ({
  type: 'LAUNCH',
  launch: { task_infos: tasks },
});

export const accept = (
  offers: readonly Pick<Offer, 'id'>[],
  ...operations: readonly Operation[]
): SchedulerCall => ({
  type: 'ACCEPT',
  accept: { offer_ids: offers.map(({ id }) => id), operations, filters: { refuse_seconds: 0 } },
});
