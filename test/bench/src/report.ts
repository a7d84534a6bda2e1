// Owns how results are shown: a table for people, one JSON object for programs.
import { availableParallelism, cpus, totalmem } from 'node:os';
import type { Result } from './measurement.ts';

export type Machine = {
  readonly cpus: number;
  readonly model: string;
  readonly memoryMib: number;
  readonly platform: string;
  readonly node: string;
};

export function describeMachine(): Machine {
  return {
    cpus: availableParallelism(),
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memoryMib: Math.floor(totalmem() / 1024 / 1024),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
}

export type Report = {
  readonly benchmark: string;
  readonly machine: Machine;
  readonly results: readonly Result[];
};

export function asTable({ machine, results }: Report): string {
  const rows = results.map(({ name, value, unit, aim, reference }) => [
    name,
    `${value.toLocaleString('en')} ${unit}`,
    aim === null ? '' : `aim ${aim.toLocaleString('en')}`,
    reference === null ? '' : `${reference.of}: ${reference.value.toLocaleString('en')}`,
  ]);
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const { cpus: count, model, memoryMib, node } = machine;
  return [`${count} CPUs, ${model}, ${memoryMib} MiB, Node ${node}`, ...lines].join('\n');
}
