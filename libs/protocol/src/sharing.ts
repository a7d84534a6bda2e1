// Owns what operators set about sharing, as it crosses the bus: weights, quota, what the least offer is and where it is
// looked for. What these do to a decision is in @parley/allocation; who may set what, and within which bounds, in
// @parley/cluster. Mesos docs, "Roles", "Quota".
import * as z from 'zod';
import { ScalarName } from './resources.ts';

/** In thousandths: 2000 is entitled to twice as much as 1000. */
export const Weight = z.int().min(1).max(1_000_000_000);
export const DEFAULT_WEIGHT = 1000;

/**
 * Amounts by name of the scalar, in thousandths of its unit as everywhere. A guarantee is what somebody gets first, by
 * taking back what others have beyond theirs; a limit what he has at most, unanswered offers and what is reserved for
 * him included: a name that is not in it is not limited.
 */
export const Quantities = z.record(ScalarName, z.int().min(0).max(Number.MAX_SAFE_INTEGER));
export type Quantities = z.infer<typeof Quantities>;

/**
 * In which order agents are looked at: `random` as Mesos does; `bestFit` the fullest first, so that whole agents stay
 * free; `spread` the emptiest first.
 */
export const Placement = z.enum(['random', 'bestFit', 'spread']);
export type Placement = z.infer<typeof Placement>;

/** Of a cluster whose operator has set nothing. Mesos asks for one of the two only; slivers of one resource serve nobody. */
export const DEFAULT_MIN_ALLOCATABLE: Quantities = { cpus: 10, mem: 32_000 };
/** Names of scalars that are in no share: of what few agents have, a part of all that there is says nothing. */
export const Uncounted = z.array(ScalarName).max(32);
export const DEFAULT_UNCOUNTED: readonly string[] = ['gpus'];
export const DEFAULT_STARVATION_MS = 60_000;
