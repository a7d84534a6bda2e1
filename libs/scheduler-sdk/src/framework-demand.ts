// Owns what a framework asks to be offered: what waits, by shape, so that it is offered just that. Pure.
import type { Demand, Need } from '@parley/protocol/frameworks';
import { add, isEmpty } from '@parley/resources/resources';
import type { PreparedTask, PreparedWork } from './desired-task.ts';

/** A demand has at most so many entries. */
export const MAX_SHAPES = 64;
const MAX_COUNT = 1_000_000;

/**
 * Equal shapes are counted together. Of more than 64 shapes those of the work that comes first are stated; the others follow
 * when there is room. Undefined (whole agents are offered) while something wants any free ports, sits on volumes or a named
 * reservation, or is revocable and of an executor that is not, as a demand cannot say that.
 */
export function demandOf(
  waiting: Iterable<PreparedTask>,
  expected: readonly PreparedWork[] = [],
): Demand | undefined {
  const shapes = new Map<string, Need>();
  for (const { prepared, count } of inCounts(waiting, expected)) {
    if (!isSayable(prepared)) return undefined;
    const name = shapeName(prepared);
    const known = shapes.get(name);
    const sum = Math.min((known?.count ?? 0) + count, MAX_COUNT);
    if (known !== undefined) shapes.set(name, { ...known, count: sum });
    else if (shapes.size < MAX_SHAPES) shapes.set(name, { ...needOf(prepared), count: sum });
  }
  return [...shapes.values()];
}

function* inCounts(
  waiting: Iterable<PreparedTask>,
  expected: readonly PreparedWork[],
): Iterable<PreparedWork> {
  for (const prepared of waiting) yield { prepared, count: 1 };
  for (const each of expected) if (each.count > 0) yield each;
}

/** The leader counts down by itself what was launched, where one task is the whole of the need. */
export const isCountedDown = (prepared: PreparedTask): boolean =>
  prepared.needs.length === 1 && prepared.executor === undefined;

const isSayable = ({ needs }: PreparedTask): boolean =>
  needs.every(
    ({ portCount, volumes, reservationId, isRevocable, executor }) =>
      !portCount &&
      !volumes &&
      reservationId === undefined &&
      (isRevocable !== true || executor === undefined || isEmpty(executor.resources)),
  );

export const shapeName = ({ needs }: PreparedTask): string =>
  JSON.stringify(
    needs.map(({ resources, role, where, executor, isRevocable = false }) => [
      resources,
      role,
      where,
      executor,
      isRevocable,
    ]),
  );

/** Everything that one agent must have: of a group all tasks, and an executor that may not live there yet. */
function needOf({ needs }: PreparedTask): Need {
  const [first] = needs;
  let resources = needs.map((need) => need.resources).reduce(add);
  const held = first?.executor?.resources;
  if (held !== undefined) resources = add(resources, held);
  return {
    ...(first?.role !== undefined && { role: first.role }),
    count: 1,
    resources,
    constraints: first?.where ?? [],
    ...(first?.isRevocable === true && { revocable: 'only' }),
  };
}
