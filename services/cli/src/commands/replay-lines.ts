// Owns `parley replay` and `parley replay why`: lines of the past, and those that tell the life of a task.
import { type TaskRef, taskKey } from '@parley/protocol/ids';
import type { LineFilter } from '@parley/replay/line-filter';
import type { Moment } from '@parley/replay/moments';
import { TaskStory } from '@parley/replay/task-story';
import { CommandFailure, EXIT } from '../command-failure.ts';
import { printLine, printNotice } from '../print.ts';
import { jsonLine, LINES_HEAD, lineRow, storyRow } from '../replay/line-page.ts';
import { type ReplayPlace, withLines } from '../replay/replay-place.ts';

export type ListOptions = {
  readonly from: Moment | undefined;
  readonly to: Moment | undefined;
  readonly filter: LineFilter;
  readonly follow: boolean;
  readonly json: boolean;
};

export async function replayListCommand(place: ReplayPlace, options: ListOptions): Promise<void> {
  const { from, to, filter, follow, json } = options;
  const isFiltered = Object.values(filter).some((wanted) => wanted !== undefined);
  const begin = from ?? (isFiltered ? undefined : 'latest');
  let count = 0;
  await withLines(place, (reading) =>
    reading.read({ from: begin, to, filter, follow }, (line) => {
      if (count === 0 && !json) printLine(LINES_HEAD);
      count += 1;
      printLine(json ? jsonLine(line) : lineRow(line));
    }),
  );
  if (count === 0) printNotice('parley: nothing of that kind happened then');
}

export async function replayWhyCommand(
  place: ReplayPlace,
  task: TaskRef,
  json: boolean,
): Promise<void> {
  const story = new TaskStory(task);
  await withLines(place, (reading) =>
    reading.read({ from: undefined, to: undefined, filter: {}, follow: false }, (line) =>
      story.add(line),
    ),
  );
  const lines = story.lines();
  if (lines.length === 0) {
    throw new CommandFailure(EXIT.notFound, {
      what: `nothing that is kept speaks of task ${taskKey(task)}`,
      why: 'it was never launched, it is older than the journal, or it is of a framework that is not yours',
      remedy:
        'see "parley task list --all" and "parley replay --from first --framework PRINCIPAL/FRAMEWORK"',
    });
  }
  for (const line of lines) printLine(json ? jsonLine(line) : storyRow(line));
  if (json) return;
  if (!story.isBegun) printLine('what came before is no longer kept');
  if (!story.isOver && story.state !== undefined) {
    printLine(`it has not ended: it is ${story.state} on agent ${story.agent}`);
  }
}
