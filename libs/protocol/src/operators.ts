// Owns what operators ask of the leader and of any service.
import * as z from 'zod';
import { TaskRef } from './ids.ts';

export const OperatorKillRequest = z.object({ task: TaskRef, graceMs: z.int().min(0).optional() });
export type OperatorKillRequest = z.infer<typeof OperatorKillRequest>;

export const LogLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error']);
export type LogLevel = z.infer<typeof LogLevel>;
export const LogLevelRequest = z.object({ level: LogLevel });
export type LogLevelRequest = z.infer<typeof LogLevelRequest>;
export const LogLevelResult = z.object({ previous: LogLevel, level: LogLevel });
export type LogLevelResult = z.infer<typeof LogLevelResult>;

/** Which roles a principal may use; kept in the principals bucket under its name. `*` allows any. */
export const PrincipalRecord = z.object({ roles: z.array(z.string()).min(1) });
export type PrincipalRecord = z.infer<typeof PrincipalRecord>;
