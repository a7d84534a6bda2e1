// Owns showing an exported window without any cluster (`--window FILE`): the console and the file, nothing else. It knows no
// bus and changes nothing; the page folds the window by itself.
import { createReadStream, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fail, type Outcome, succeed } from '@parley/protocol/errors';
import type { Logger } from '@parley/telemetry/logger';
import { openGate } from '../access/gate.ts';
import { type GatewayConfig, readGatewayConfig } from '../config.ts';
import { newSecret } from '../effects.ts';
import { makeServer, urlOf } from '../http-server.ts';
import { consoleRoutes, WINDOW_PATH } from './console-routes.ts';

export type WindowOptions = {
  readonly file: string;
  readonly config: GatewayConfig;
};

/** Undefined: no window is asked for. Fails with `malformed`. */
export function readWindowOptions(words: readonly string[]): Outcome<WindowOptions | undefined> {
  if (!words.some((word) => word === '--window' || word.startsWith('--window=')))
    return succeed(undefined);
  try {
    const options = {
      window: { type: 'string' },
      listen: { type: 'string', default: '127.0.0.1:5050' },
    } as const;
    const { values } = parseArgs({ args: [...words], options });
    const config = readGatewayConfig({ listen: values.listen });
    if (!config.ok) return config;
    return succeed({ file: values.window ?? '', config: config.value });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail('malformed', `--window is taken with --listen alone: ${why}`);
  }
}

type WindowServer = {
  readonly url: string;
  close(): Promise<void>;
};

/** Fails with `unavailable`: the file cannot be read, or another program listens there. */
export async function serveWindow(
  { file, config }: WindowOptions,
  { logger, nowMs }: { readonly logger: Logger; readonly nowMs: () => number },
): Promise<Outcome<WindowServer>> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
    return fail('unavailable', `--window ${file}: there is no such file`);
  const gate = openGate(config, { logger, nowMs, newSecret });
  if (!gate.ok) return gate;
  const server = makeServer();
  gate.value.guard(server);
  server.register(consoleRoutes({ windowName: path.basename(file) }));
  server.get(WINDOW_PATH, (_request, reply) =>
    reply
      .type('application/octet-stream')
      .header('Cache-Control', 'no-store')
      .send(createReadStream(file)),
  );
  const { host, port } = config;
  const close = async (): Promise<void> => {
    gate.value.close();
    await server.close();
  };
  try {
    await server.listen({ host, port });
  } catch (error) {
    await close();
    const why = error instanceof Error ? error.message : String(error);
    return fail('unavailable', `${why}; --listen ${host}:0 takes a port that is free`);
  }
  return succeed({ url: urlOf(server.server.address() as AddressInfo, false), close });
}
