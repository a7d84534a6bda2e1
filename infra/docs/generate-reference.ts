// Owns writing infra/docs/subjects.md from the subject table; what it says is in libs/protocol/src/subject-reference.ts.
import { writeFileSync } from 'node:fs';
import { renderSubjectReference } from '../../libs/protocol/src/subject-reference.ts';

writeFileSync(new URL('subjects.md', import.meta.url), renderSubjectReference());
