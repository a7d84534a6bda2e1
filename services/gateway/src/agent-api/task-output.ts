// Owns handing on what a task writes from now on, both outputs, until it ends or nobody reads any more: its agent is asked
// over the bus, as by `parley task attach`.
import { setTimeout as delay } from 'node:timers/promises';
import { copyStream, type FileSource } from '@parley/operator-sdk/file-stream';
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import { type Failure, fail, type Outcome, succeed } from '@parley/protocol/errors';
import { type AgentId, type TaskRef, taskKey } from '@parley/protocol/ids';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { OutputStream, ProcessStream } from './process-stream.ts';

type Link = Pick<OperatorLink, 'call'>;
type Place = { readonly task: TaskRef; readonly agentId: AgentId };

const STREAMS = ['stdout', 'stderr'] as const;

/** Asks where each output ends now; then `open` makes the answer. Fails, with nothing sent, as the agent does. */
export async function attachToTask(
  link: Link,
  place: Place,
  open: () => ProcessStream,
): Promise<Outcome<undefined>> {
  const ends: { readonly stream: OutputStream; readonly offset: number }[] = [];
  for (const stream of STREAMS) {
    const piece = await read(link, place, { stream, offset: 0, maxBytes: 1 });
    if (!piece.ok) return piece;
    ends.push({ stream, offset: piece.value.size });
  }
  const reader = open();
  void Promise.all(ends.map((end) => follow(link, place, { ...end, reader }))).then((outcomes) => {
    const failure = outcomes.find((outcome) => outcome !== undefined);
    if (failure === undefined) reader.end();
    else reader.endBecause(wordsOf(failure, place));
  });
  return succeed(undefined);
}

function wordsOf({ code, message }: Failure, { task, agentId }: Place): string {
  const what = `the output of ${taskKey(task)} cannot be read any more`;
  if (code !== 'unavailable') return `${what}: ${message}`;
  return `${what}: its agent ${agentId} does not answer (${message}). The task may go on: see "parley agent list", and attach again when the agent is back`;
}

/** Never rejects: what the agent cannot give ends it, and is told. */
async function follow(
  link: Link,
  place: Place,
  { stream, offset, reader }: { stream: OutputStream; offset: number; reader: ProcessStream },
): Promise<Failure | undefined> {
  const source: FileSource = {
    read: async (from, maxBytes) =>
      reader.isClosed
        ? fail('unavailable', 'nobody reads any more')
        : read(link, place, { stream, offset: from, maxBytes }),
    mayReturn: async () => false,
  };
  const sink = {
    write: (data: Uint8Array) => reader.write(stream, data),
    notice: () => undefined,
    pause: (durationMs: number) => delay(durationMs),
  };
  const failed = await copyStream(source, sink, { follow: true, offset });
  return failed?.failure;
}

const read = (
  link: Link,
  { task, agentId }: Place,
  range: { readonly stream: OutputStream; readonly offset: number; readonly maxBytes: number },
) => link.call(SUBJECTS.logs, { agentId }, { task, ...range });
