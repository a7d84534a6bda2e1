// Owns `parley log-level SERVICE LEVEL`: changes how much a running service writes.
import { ActorId } from '@parley/protocol/ids';
import { LogLevel } from '@parley/protocol/operators';
import { SUBJECTS } from '@parley/protocol/subjects';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import type { Surroundings } from '../config.ts';
import { SERVICES } from '../local-cluster/service-catalog.ts';
import { LOG_LEVELS } from '../log-levels.ts';
import { withOperator } from '../operator-place.ts';
import { printJson, printLine } from '../print.ts';
import { currentContext } from './context.ts';

export type LogLevelHow = {
  readonly service: string;
  readonly level: string;
  readonly json: boolean;
};

export async function logLevelCommand(
  surroundings: Surroundings,
  named: string | undefined,
  how: LogLevelHow,
): Promise<void> {
  const level = LogLevel.safeParse(how.level);
  const actorId = ActorId.safeParse(how.service);
  // By its id: `agent-2`. An agent may be named anything, so what is no master or allocator is one.
  const actorKind = SERVICES.find((kind) => how.service.startsWith(`${kind}-`)) ?? 'agent';
  if (!level.success || !actorId.success) {
    throw new CommandFailure(EXIT.usage, {
      what: 'log-level takes the id of a service and a level',
      why: `${how.service} ${how.level}`,
      remedy: `for example: parley log-level agent-1 debug (levels: ${LOG_LEVELS.join(', ')})`,
    });
  }
  const context = await currentContext(surroundings, named);
  const answer = await withOperator(context, (link) =>
    link.call(SUBJECTS.logLevel, { actorKind, actorId: actorId.data }, { level: level.data }),
  );
  if (!answer.ok) {
    const remedy = `is ${how.service} the id of a service that runs? See "parley agent list" and "parley master list"`;
    throw failureFromCluster(`the log level of ${how.service} was not changed`, answer.failure, {
      ...(answer.failure.code === 'unavailable' && { remedy }),
    });
  }
  if (how.json) printJson(answer.value);
  else printLine(`${how.service}: ${answer.value.previous} -> ${answer.value.level}`);
}
