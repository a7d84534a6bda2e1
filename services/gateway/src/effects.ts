// Owns what a gateway takes from chance: tokens, which nobody can guess.
import { randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;

/** 256 random bits, in letters that stand in addresses and headers as they are. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url');
