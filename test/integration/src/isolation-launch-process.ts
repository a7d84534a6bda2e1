// A process that launches one task and then waits to be killed: the tests' stand-in for an agent that dies.
// Its argument is { settings, request } as JSON; it prints what the launch answered, on one line.

import type { LaunchRequest } from '@parley/isolation/launcher';
import { createLauncher, type LauncherSettings } from './isolation-fixture.ts';

const { settings, request }: { settings: LauncherSettings; request: LaunchRequest } = JSON.parse(
  process.argv[2] ?? '',
);
const outcome = await createLauncher(settings).launch(request);
process.stdout.write(`${JSON.stringify(outcome)}\n`);
setInterval(() => {}, 60_000);
