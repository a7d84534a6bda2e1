// Owns the check that a status update is what its subject says: the subject was checked by the server, the body was not.
import type { StatusUpdate } from '@parley/protocol/tasks';

/** What a status update says of itself must be what its subject says, which the server has checked. */
export function isFromItsSource(received: {
  readonly parameters: { source: string; principal: string; frameworkId: string; taskId: string };
  readonly body: StatusUpdate;
}): boolean {
  const { parameters, body } = received;
  const source = body.source === 'master' ? 'master' : body.agentId;
  return (
    parameters.source === source &&
    parameters.taskId === body.task.taskId &&
    parameters.frameworkId === body.task.frameworkId &&
    parameters.principal === body.task.principal
  );
}
