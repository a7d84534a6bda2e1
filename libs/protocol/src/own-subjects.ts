// Owns what is sent to one agent alone: it hears all of it by one subscription, because a server keeps each subscription of
// each agent, and takes them all anew when it was restarted.
import type { ClusterName } from './ids.ts';
import { type SubjectEntry, subjectPrefix } from './subject-entry.ts';

const OWN = 'agent.{agentId}.';

/** Whether it is sent to one agent alone, below that agent's own subject. */
export const isOwn = ({ pattern }: Pick<SubjectEntry, 'pattern'>): boolean =>
  pattern.startsWith(OWN);

/** All that is; `*` for an agent of any id. */
export const ownSubjects = (cluster: ClusterName, agentId: string): string =>
  `${subjectPrefix(cluster)}.${OWN.replace('{agentId}', agentId)}>`;
