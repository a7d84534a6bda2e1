// Owns the process that one cluster in virtual time is measured in, to be run with --expose-gc: what other sizes have left
// behind does not count. It prints its figures.
import { assert } from '@parley/protocol/unreachable';
import { BeyondPlan, measureBeyond } from './beyond-run.ts';

const plan = BeyondPlan.parse(JSON.parse(process.argv[2] ?? '{}'));
const { gc } = globalThis;
assert(gc !== undefined, 'the collector can be called');
const run = await measureBeyond(plan, () => void gc({ type: 'major', execution: 'sync' }));
process.stdout.write(`${JSON.stringify(run)}\n`);
