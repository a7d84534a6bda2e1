// Owns writing the generated pages of the documentation. What they say is in libs/protocol/src/subject-reference.ts,
// libs/lifecycle/src/state-reference.ts, libs/telemetry/src/metric-reference.ts and
// services/gateway/src/api/api-document.ts; tests there fail when a page is out of date.
import { writeFileSync } from 'node:fs';
import { renderApiDocument } from '@parley/gateway/api/api-document';
import { renderStateReference } from '@parley/lifecycle/state-reference';
import { renderSubjectReference } from '@parley/protocol/subject-reference';
import {
  renderAlerts,
  renderDashboard,
  renderMetricReference,
} from '@parley/telemetry/metric-reference';

writeFileSync(new URL('subjects.md', import.meta.url), renderSubjectReference());
writeFileSync(new URL('task-states.md', import.meta.url), renderStateReference());
writeFileSync(new URL('metric-families.md', import.meta.url), renderMetricReference());
writeFileSync(new URL('../grafana/parley.json', import.meta.url), renderDashboard());
writeFileSync(new URL('../grafana/alerts.yaml', import.meta.url), renderAlerts());
writeFileSync(new URL('openapi.json', import.meta.url), await renderApiDocument());
