// Before each test of every file: properties draw from the seed that is told. How many examples one draws stands with
// it; a test that is repeated (vitest's --repeats) draws others each time.
import fc from 'fast-check';
import { beforeEach } from 'vitest';
import { seedOf } from './property-seed.ts';

const first = seedOf(process.env);

// fast-check names the seed of a property that fails: told as the first one, it fails again without being repeated.
beforeEach(({ task }) => {
  fc.configureGlobal({ seed: first + (task.result?.repeatCount ?? 0) });
});
