// Owns reading what the command line says about devices and directories of the host that tasks may ask for. Failures are
// `malformed` and name the option.
import path from 'node:path';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';

export type AllowedDirectory = { readonly path: string; readonly readOnly: boolean };

export type HostAccessPolicy = {
  /** Nodes below /dev, or directories of them. */
  readonly devices: readonly string[];
  readonly volumes: readonly AllowedDirectory[];
};

export const HOST_ACCESS_OPTIONS = {
  'task-devices': { type: 'string', multiple: true },
  'host-volumes': { type: 'string', multiple: true },
} as const;

export const HOST_ACCESS_USAGE = `  --task-devices PATH   a device below /dev, or a directory of devices, that tasks may ask for
                        ("/dev/kvm"); may be repeated; none by default. Confined tasks open no
                        others but those that every program needs
  --host-volumes PATH[:ro]
                        a directory of this host that tasks may have in their sandboxes, with
                        what is below it; ":ro": to read only; may be repeated; none by default`;

type Values = {
  readonly [Name in keyof typeof HOST_ACCESS_OPTIONS]?: readonly string[] | undefined;
};

export function readHostAccess(values: Values): Outcome<HostAccessPolicy> {
  const { 'task-devices': devices = [], 'host-volumes': texts = [] } = values;
  const wrong = devices.find((device) => !path.normalize(device).startsWith('/dev/'));
  if (wrong !== undefined) return fail('malformed', `--task-devices ${wrong}: must be below /dev`);
  const volumes = texts.map((text) => {
    const readOnly = text.endsWith(':ro');
    return { path: readOnly ? text.slice(0, -':ro'.length) : text, readOnly };
  });
  const relative = volumes.find((volume) => !path.isAbsolute(volume.path));
  return relative === undefined
    ? succeed({ devices, volumes })
    : fail('malformed', `--host-volumes ${relative.path}: must be an absolute path`);
}
