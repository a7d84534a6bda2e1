// Owns what a path inside a task's sandbox is.
import * as z from 'zod';

/** Relative, no `..`, no control characters. */
export const SandboxPath = z
  .string()
  .min(1)
  .max(1024)
  .refine(
    (path) =>
      !path.startsWith('/') &&
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
      !/[\u0000-\u001f\u007f\\]/.test(path) &&
      path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    'must be a relative path without "..", empty parts or control characters',
  );
export type SandboxPath = z.infer<typeof SandboxPath>;
