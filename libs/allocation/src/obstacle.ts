// Owns the words for why a client takes nothing of one agent. Who finds out is in portions.ts and whole-rest.ts, where it is
// decided; what an operator reads of it is in agent-obstacles.ts.
import type { Resources } from '@parley/protocol/resources';
import type { Lack } from './room.ts';

export type Obstacle =
  /** Less is left than is wanted. */
  | { readonly kind: 'tooLittle' }
  /** Limits leave too little room, or what is held back for guarantees of others. */
  | { readonly kind: 'noRoom'; readonly lack: Lack }
  /** Too much beside its unanswered offers. */
  | { readonly kind: 'offerCap' }
  /** It has declined the most that it would be offered. */
  | { readonly kind: 'refused'; readonly resources: Resources; readonly revocable: Resources };
