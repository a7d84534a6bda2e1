// Owns the shape of what a task's root filesystem is made from. What it may come from, the agent's operator says.
import * as z from 'zod';
import { FetchAddress, Sha256 } from './uris.ts';

export const TaskImage = z.object({
  /**
   * A tarball, of a root filesystem or of an image layout (OCI Image Format Specification); or a directory with either, which
   * over HTTP can only be a layout.
   */
  source: FetchAddress,
  /** Of the manifest or index in a layout, of a tarball else; anything else is refused. */
  digest: Sha256.optional(),
});
export type TaskImage = z.infer<typeof TaskImage>;
