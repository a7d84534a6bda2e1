// Owns keeping what this process has compiled for whoever starts it next. Node keeps it where NODE_COMPILE_CACHE names a
// directory, but writes it when a process leaves by itself only, and services are killed.
import { flushCompileCache } from 'node:module';

/** To be called when a service works: it takes some tenths of a second the first time, and nothing afterwards. */
export function keepCompiledCode(): void {
  flushCompileCache();
}
