// Owns the names of the two principals that every local cluster has; each has a role of its own name.

export const DEMO_PRINCIPALS = { batch: 'batch', mapreduce: 'mapreduce' } as const;
