// Owns the one table of subjects: who sends what to whom, how it is delivered and what it holds.
// Permissions, streams and infra/docs/subjects.md are generated from it. Order: as in infra/docs.
import { agentCalls } from './agent-subjects.ts';
import { controlMessages } from './control-subjects.ts';
import { frameworkCalls } from './framework-call-subjects.ts';
import { frameworkMessages } from './framework-message-subjects.ts';
import { leadershipMessages } from './leadership-subjects.ts';
import { taskAccess } from './task-access-subjects.ts';

export const SUBJECTS = {
  ...frameworkCalls,
  ...frameworkMessages,
  ...agentCalls,
  ...taskAccess,
  ...controlMessages,
  ...leadershipMessages,
} as const;
