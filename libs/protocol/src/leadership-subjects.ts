// Owns the part of the subject table by which one of several masters or allocators leads and the others stand by, and by which
// gateways say that they are there.
import {
  GatewayBeat,
  LeaderPong,
  LeadershipBeat,
  MasterList,
  StepDownRequest,
  StepDownResult,
} from './leadership.ts';
import { entry } from './subject-entry.ts';
import { Empty } from './tasks.ts';

export const leadershipMessages = {
  masterBeat: entry({
    kind: 'leadership.masterBeat',
    pattern: 'leadership.master.beat',
    delivery: 'publish',
    from: ['master'],
    to: ['master', 'operator'],
    body: LeadershipBeat,
    summary: 'A master leads or stands by; when the leader falls silent another takes over.',
  }),
  masterPing: entry({
    kind: 'leadership.masterPing',
    pattern: 'leadership.master.ping',
    delivery: 'request',
    from: ['master'],
    to: ['master'],
    body: Empty,
    reply: LeaderPong,
    summary: 'Whether anybody leads; only the leader listens.',
  }),
  allocatorBeat: entry({
    kind: 'leadership.allocatorBeat',
    pattern: 'leadership.allocator.beat',
    delivery: 'publish',
    from: ['allocator'],
    to: ['allocator', 'operator'],
    body: LeadershipBeat,
    summary: 'An allocator leads or stands by; when the leader falls silent another takes over.',
  }),
  allocatorPing: entry({
    kind: 'leadership.allocatorPing',
    pattern: 'leadership.allocator.ping',
    delivery: 'request',
    from: ['allocator'],
    to: ['allocator'],
    body: Empty,
    reply: LeaderPong,
    summary: 'Whether any allocator leads; only the leader listens.',
  }),
  gatewayBeat: entry({
    kind: 'gateway.beat',
    pattern: 'gateway.{gateway}.beat',
    delivery: 'publish',
    from: ['operator'],
    to: ['operator'],
    body: GatewayBeat,
    summary: 'A gateway is there, every 5 s, under the name of the operator as whom it runs.',
  }),
  masterList: entry({
    kind: 'leadership.masterList',
    pattern: 'leadership.operator.{operator}.masters',
    delivery: 'request',
    from: ['operator'],
    to: ['master'],
    body: Empty,
    reply: MasterList,
    summary: 'Asks who leads, who stands by and how far behind; the leader answers.',
  }),
  stepDown: entry({
    kind: 'leadership.stepDown',
    pattern: 'leadership.operator.{operator}.step-down',
    delivery: 'request',
    from: ['operator'],
    to: ['master'],
    body: StepDownRequest,
    reply: StepDownResult,
    summary: 'Asks the leader to hand over to a standby; refused when none is alive.',
  }),
} as const;
