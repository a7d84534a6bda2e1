// What every run of vitest has in common, be it of a stage of `npm test`, of a package or of a file.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: [fileURLToPath(new URL('seeded-properties.ts', import.meta.url))],
  },
});
