// Owns how a start knows where its gateway answers: the port that it is given, and the file in which it says by which
// link a browser signs in once.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { systemCode } from '../command-failure.ts';

const HOST = '127.0.0.1';
const USUAL_PORT = 5050;
const LOOK_MS = 100;
const SignIn = z.object({ link: z.url() });

/** The usual one where nobody has it, else a free one. */
export async function choosePlace(usual = USUAL_PORT): Promise<string> {
  const port = (await probe(usual)) ?? (await probe(0));
  if (port === undefined) throw new Error(`no port is free on ${HOST}`);
  return `${HOST}:${port}`;
}

function probe(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host: HOST, port }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

/** The link in the gateway's sign-in file; undefined when there is none for so long. */
export async function awaitConsoleLink(
  file: string,
  timeoutMs: number,
): Promise<string | undefined> {
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += LOOK_MS) {
    const link = await readLink(file);
    if (link !== undefined) return link;
    await delay(LOOK_MS);
  }
  return undefined;
}

async function readLink(file: string): Promise<string | undefined> {
  try {
    return SignIn.parse(JSON.parse(await readFile(file, 'utf8'))).link;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
