// Owns the shape of a command: what an agent starts, for a task, an executor or a check.
import * as z from 'zod';

const Text = z
  .string()
  .max(131072)
  .refine((s) => !s.includes('\u0000'), 'must hold no NUL');

export const Command = z.object({
  /** Program and arguments, passed as they are: no shell unless the program is one. */
  argv: z.array(Text).min(1).max(4096),
  environment: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/), Text).default({}),
});
export type Command = z.infer<typeof Command>;
