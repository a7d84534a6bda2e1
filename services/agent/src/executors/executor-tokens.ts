// Owns what an executor that was written for Mesos shows to be taken for itself: a token in its environment, or, from a
// program that does not send it, the user that its connection belongs to. A token is made from one secret of the agent and
// the executor's identity, so that it is the same after a restart of the agent and kept nowhere but in the environment.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ExecutorProof } from '@parley/protocol/executor-relay';
import { replaceFile } from '../durable-file.ts';
import type { ExecutorPlace } from './executor-messages.ts';

export const SECRET_BYTES = 32;

export class ExecutorTokens {
  readonly #secret: Uint8Array;

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** With the secret of this work directory, else with this new one. Throws when that cannot be written. */
  static open(workDirectory: string, fresh: Uint8Array): ExecutorTokens {
    const file = path.join(workDirectory, 'executor-secret');
    const known = readSecret(file);
    if (known !== undefined) return new ExecutorTokens(known);
    const written = replaceFile(file, fresh);
    if (!written.ok) throw new Error(`${file}: ${written.failure.message}`);
    return new ExecutorTokens(fresh);
  }

  /** No slash is in an id, so no two executors have one token. */
  tokenOf({ executor, incarnation }: ExecutorPlace): string {
    const { principal, frameworkId, executorId } = executor;
    const identity = `${principal}/${frameworkId}/${executorId}/${incarnation}`;
    return createHmac('sha256', this.#secret).update(identity).digest('base64url');
  }

  /** `userId`: whose the executor's processes are. A token that is shown counts alone. */
  faultOf(
    place: ExecutorPlace,
    userId: number | undefined,
    proof: ExecutorProof,
  ): 'noProof' | 'wrongProof' | undefined {
    if (proof.token !== undefined) {
      const digest = (text: string) => createHmac('sha256', this.#secret).update(text).digest();
      // Digests are of one length, whatever was sent.
      const isRight = timingSafeEqual(digest(proof.token), digest(this.tokenOf(place)));
      return isRight ? undefined : 'wrongProof';
    }
    if (proof.userId === undefined || userId === undefined) return 'noProof';
    return proof.userId === userId ? undefined : 'noProof';
  }
}

function readSecret(file: string): Uint8Array | undefined {
  try {
    const secret = readFileSync(file);
    return secret.length === SECRET_BYTES ? secret : undefined;
  } catch {
    return undefined;
  }
}
