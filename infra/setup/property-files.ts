// Owns which test files draw examples: those that import fast-check. They are found by reading them, so that a property
// can stand beside the examples of what it is about, and none is forgotten.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Paths from the root of the repository, in order. */
export function propertyFiles(): readonly string[] {
  return globSync('{libs,services,test}/*/src/**/*.test.ts', { cwd: root })
    .filter((file) => readFileSync(join(root, file), 'utf8').includes("from 'fast-check'"))
    .toSorted();
}
