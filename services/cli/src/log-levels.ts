// Owns the list of log levels as the protocol names them, for help and checks.
import { LogLevel } from '@parley/protocol/operators';

export const LOG_LEVELS = LogLevel.options;
