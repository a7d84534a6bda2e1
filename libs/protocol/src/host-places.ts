// Owns the shape of what a task may ask of its agent's host by path: devices, and directories as volumes. Which of them it is
// given, the agent's operator says.
import * as z from 'zod';
import { SandboxPath } from './sandbox-path.ts';

const isPlain = (path: string): boolean =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  !/[\u0000-\u001f\u007f]/.test(path) &&
  path
    .slice(1)
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..');

/** Absolute, no `..`, no empty parts, no control characters. */
const HostPath = z
  .string()
  .max(1024)
  .refine(
    (path) => path.startsWith('/') && isPlain(path),
    'must be an absolute path without "..", empty parts or control characters',
  );

/** Read and written by the task alone or by others too; nobody makes it for the task. */
const DevicePath = HostPath.refine((path) => path.startsWith('/dev/'), 'must be a path below /dev');
export const DevicePaths = z.array(DevicePath).max(64);

/** A directory of the host, seen in the sandbox at `path`. It is there before the task and after it. */
export const HostVolume = z.object({
  hostPath: HostPath,
  path: SandboxPath,
  readOnly: z.boolean().default(false),
});
export type HostVolume = z.infer<typeof HostVolume>;
export const HostVolumes = z.array(HostVolume).max(64);
