// Owns the right to run a local cluster in a folder: held by one process at a time and given back by the kernel
// when that process ends, however it ends. An abstract unix socket is such a thing; nothing is said over it.
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { systemCode } from '../command-failure.ts';

export type Claim = { release(): Promise<void> };

/** Undefined when another process holds the folder. */
export function claimFolder(folder: string): Promise<Claim | undefined> {
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  const server = createServer((connection) => connection.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (systemCode(error) === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(`\0parley-${process.getuid?.() ?? 0}-${hash}`, () => {
      server.unref();
      resolve({ release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
