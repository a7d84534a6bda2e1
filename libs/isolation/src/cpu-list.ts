// The kernel's way to write which CPUs: `0-2,5`. Source: cpuset(7), "List format".

const MAX_CPUS = 8192;

/** In ascending order. Undefined when it is no such list. */
export function parseCpuList(text: string): number[] | undefined {
  const parts = text.trim() === '' ? [] : text.trim().split(',');
  const found = new Set<number>();
  for (const part of parts) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) >= MAX_CPUS) return undefined;
    for (let cpu = Number(first); cpu <= Number(last); cpu += 1) found.add(cpu);
  }
  return [...found].sort((a, b) => a - b);
}

export function formatCpuList(cpus: readonly number[]): string {
  return cpus.join(',');
}

/** As systemd takes them over its socket: a bit for each, in as few bytes as it takes. */
export function cpuMask(cpus: readonly number[]): number[] {
  const bytes = new Array<number>(Math.floor(Math.max(-1, ...cpus) / 8) + 1).fill(0);
  for (const cpu of cpus)
    bytes[Math.floor(cpu / 8)] = (bytes[Math.floor(cpu / 8)] ?? 0) | (1 << (cpu % 8));
  return bytes;
}
