// How the page is built: plain files under /ui/ that the gateway serves, nothing of them inline (the policy forbids it).
import { defineConfig } from 'vite';

export default defineConfig({
  base: '/ui/',
  logLevel: 'warn',
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2024',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
