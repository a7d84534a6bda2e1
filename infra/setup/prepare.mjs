// Sets up what a command of this repository needs, before it runs: `node infra/setup/prepare.mjs NEED...` with the
// needs `dependencies`, `console`, `browser`, `system-tools`, `other-language`, `chaos-tools` and `nats-server`. npm runs it as the pre script of start, test and
// the like, on whatever Node the host has (18 or newer), so it uses nothing that has to be installed first.
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { ensureBrowser } from './browser.mjs';
import { ensureChaosTools } from './chaos-tools.mjs';
import { ensureConsole } from './console-build.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { locateNatsServer } from './nats-server.mjs';
import { SetupFailure } from './setup-failure.mjs';
import { ensureOtherLanguage, ensureSystemTools } from './system-tools.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const env = process.env;

/** @param {string} line */
const log = (line) => void process.stdout.write(`${line}\n`);

/** @type {Record<string, () => Promise<void> | void>} */
const steps = {
  dependencies: () => ensureDependencies({ root, env, log }),
  console: () => ensureConsole({ root, log }),
  browser: () => ensureBrowser({ env, log }),
  'system-tools': () => ensureSystemTools({ env, log }),
  'other-language': () => ensureOtherLanguage({ env, log }),
  'chaos-tools': () => ensureChaosTools({ env, log }),
  'nats-server': async () => {
    const { warning } = await locateNatsServer({ env, log });
    if (warning) log(`warning: ${warning}`);
  },
};

async function main() {
  for (const need of process.argv.slice(2)) {
    const step = steps[need];
    if (step === undefined) {
      throw new SetupFailure({
        what: `prepare.mjs does not know "${need}"`,
        why: `the needs are ${Object.keys(steps).join(', ')}`,
        remedy: 'correct the pre script in package.json',
      });
    }
    await step();
  }
}

main().catch((error) => {
  const text = error instanceof SetupFailure ? error.message : String(error?.stack);
  process.stderr.write(`\nset-up failed: ${text}\n`);
  process.exitCode = 1;
});
