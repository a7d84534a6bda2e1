// Owns what a simulated host knows of the agent's process on it, which may be dead at any moment. Types only.
import type { SupervisorInput } from '@parley/agent/supervisor-messages';
import type { AgentId } from '@parley/protocol/ids';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export type AgentOfHost = {
  readonly world: World;
  readonly agentId: AgentId;
  readonly random: Random;
  readonly isAlive: () => boolean;
  /** Lost while it is not alive. */
  readonly tell: (input: SupervisorInput) => void;
  /** Later, unless its process has died meanwhile. */
  readonly after: (delayMs: number, run: () => void) => void;
  /** Throws when more runs on the host than it has room for. */
  readonly checkRoom: () => void;
};
