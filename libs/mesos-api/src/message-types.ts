// Owns the names of the messages that are encoded and decoded on their own, and the types of the values one meets most.
import type { ValueOf } from './message-type.ts';
import * as agent from './messages/agent.ts';
import * as executor from './messages/executor.ts';
import * as master from './messages/master.ts';
import * as offer from './messages/offer.ts';
import * as operator from './messages/operator.ts';
import * as party from './messages/party.ts';
import * as resource from './messages/resource.ts';
import * as scheduler from './messages/scheduler.ts';
import * as task from './messages/task.ts';
import * as values from './messages/value.ts';

export const MESSAGE_TYPES = {
  'scheduler.Call': scheduler.Call,
  'scheduler.Event': scheduler.Event,
  'scheduler.Response': scheduler.Response,
  'executor.Call': executor.Call,
  'executor.Event': executor.Event,
  'master.Call': master.Call,
  'master.Response': master.Response,
  'master.Event': master.Event,
  'agent.Call': agent.Call,
  'agent.Response': agent.Response,
  'agent.ProcessIO': agent.ProcessIO,
  'maintenance.Schedule': operator.Schedule,
  'maintenance.ClusterStatus': operator.ClusterStatus,
  'quota.QuotaRequest': operator.QuotaRequest,
  'quota.QuotaStatus': operator.QuotaStatus,
  AgentInfo: party.AgentInfo,
  Attribute: values.Attribute,
  ExecutorInfo: task.ExecutorInfo,
  FrameworkInfo: party.FrameworkInfo,
  InverseOffer: offer.InverseOffer,
  MachineID: values.MachineID,
  MasterInfo: party.MasterInfo,
  Offer: offer.Offer,
  OperationStatus: offer.OperationStatus,
  Resource: resource.Resource,
  Task: task.Task,
  TaskInfo: task.TaskInfo,
  TaskStatus: task.TaskStatus,
  WeightInfo: values.WeightInfo,
} as const;

export type MessageName = keyof typeof MESSAGE_TYPES;
export type MessageOf<Name extends MessageName> = ValueOf<(typeof MESSAGE_TYPES)[Name]>;

export type SchedulerCall = MessageOf<'scheduler.Call'>;
export type SchedulerEvent = MessageOf<'scheduler.Event'>;
export type ExecutorCall = MessageOf<'executor.Call'>;
export type ExecutorEvent = MessageOf<'executor.Event'>;
export type MasterCall = MessageOf<'master.Call'>;
export type MasterResponse = MessageOf<'master.Response'>;
export type MasterEvent = MessageOf<'master.Event'>;
export type ExecutorInfo = MessageOf<'ExecutorInfo'>;
export type FrameworkInfo = MessageOf<'FrameworkInfo'>;
export type TaskInfo = MessageOf<'TaskInfo'>;
