// Owns writing the generated pages of the documentation. What they say is in libs/protocol/src/subject-reference.ts and
// libs/lifecycle/src/state-reference.ts; tests there fail when a page is out of date.
import { writeFileSync } from 'node:fs';
import { renderStateReference } from '@parley/lifecycle/state-reference';
import { renderSubjectReference } from '@parley/protocol/subject-reference';

writeFileSync(new URL('subjects.md', import.meta.url), renderSubjectReference());
writeFileSync(new URL('task-states.md', import.meta.url), renderStateReference());
