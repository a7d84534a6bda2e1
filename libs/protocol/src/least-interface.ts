// Owns which messages a framework cannot do without: five. Everything else that frameworks may say or hear is optional.
// infra/docs/writing-a-framework.md lists them; a framework that uses no others is run by the integration tests.
import { SUBJECTS } from './subjects.ts';

export const LEAST_INTERFACE = [
  SUBJECTS.subscribe,
  SUBJECTS.frameworkHeartbeat,
  SUBJECTS.offers,
  SUBJECTS.accept,
  SUBJECTS.update,
] as const;
