// Owns the check of inputs: each is parsed once, by the writer, before it is journalled. Whoever steps the entry later
// parses again only what another schema, or an unknown one, let in.
import { createHash } from 'node:crypto';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import * as z from 'zod';

/** Enough to tell the schemas of any two releases apart. */
const FINGERPRINT_DIGITS = 16;
const fingerprints = new WeakMap<z.ZodType, string>();

/**
 * Names a schema by its shape: fields, types, bounds, patterns and defaults. Code in a refinement has no shape: what it
 * lets in is part of the rules, and a release that changes it raises their version.
 */
export function fingerprintOf(schema: z.ZodType): string {
  const known = fingerprints.get(schema);
  if (known !== undefined) return known;
  const shape = JSON.stringify(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'output' }));
  const digest = createHash('sha256').update(shape).digest('hex').slice(0, FINGERPRINT_DIGITS);
  fingerprints.set(schema, digest);
  return digest;
}

/** As it is journalled. Fails with `internalError`: inputs are made by the master itself, so that a bad one is its defect. */
export function checkedInput<Input>(schema: z.ZodType<Input>, input: Input): Outcome<Input> {
  const parsed = schema.safeParse(input);
  return parsed.success
    ? succeed(parsed.data)
    : fail('internalError', `not an input: ${parsed.error.message}`);
}
