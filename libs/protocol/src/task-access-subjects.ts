// Owns the part of the subject table by which people, frameworks and gateways get at tasks and executors on their agents.

import { ExecutorRelayRequest, ExecutorRelayResult } from './executor-relay.ts';
import { entry } from './subject-entry.ts';
import { ExecRequest, ExecResult } from './task-exec.ts';
import { FilesRequest, FilesResult, OwnFilesAnswer, OwnFilesRequest } from './task-files.ts';

export const taskAccess = {
  files: entry({
    kind: 'agent.files',
    pattern: 'agent.{agentId}.files',
    delivery: 'request',
    from: ['operator'],
    to: ['agent'],
    body: FilesRequest,
    reply: FilesResult,
    summary:
      "Looks into a task's sandbox: lists a directory, reads or searches a file from an offset. Links are not followed.",
  }),
  ownFiles: entry({
    kind: 'agent.ownFiles',
    pattern: 'agent.{agentId}.files.{principal}',
    delivery: 'publish',
    from: ['principal'],
    to: ['agent'],
    body: OwnFilesRequest,
    summary:
      'Likewise of a task of its own. Answered by `framework.files`: agents may not write to the inboxes into which masters answer.',
  }),
  ownFilesAnswer: entry({
    kind: 'framework.files',
    pattern: 'framework.{principal}.{frameworkId}.files.{agentId}',
    delivery: 'publish',
    from: ['agent'],
    to: ['principal'],
    body: OwnFilesAnswer,
    summary: 'The answer to `agent.ownFiles`; may be lost.',
  }),
  exec: entry({
    kind: 'agent.exec',
    pattern: 'agent.{agentId}.exec',
    delivery: 'request',
    from: ['operator'],
    to: ['agent'],
    body: ExecRequest,
    reply: ExecResult,
    holdsCommands: true,
    summary:
      "Runs a command in a task's scope for somebody at a terminal: started, fed and read by questions; 15 s without one end it.",
  }),
  executorRelay: entry({
    kind: 'agent.executorRelay',
    pattern: 'agent.{agentId}.executor-relay',
    delivery: 'request',
    from: ['operator'],
    to: ['agent'],
    body: ExecutorRelayRequest,
    reply: ExecutorRelayResult,
    summary:
      "A gateway on the agent's host speaks for an executor that was written for Mesos, which has to show who it is: opened, fed and read by questions; 10 s without one end it.",
  }),
} as const;
