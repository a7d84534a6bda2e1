// Tests of what becomes of a custom executor and its tasks when the sandbox that they share, or a volume of one, holds too much.
import { VolumeId } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { ScriptedExecutors } from './scripted-executors.ts';

test('an executor whose sandbox holds more than it and its tasks may is destroyed, and its tasks fail as diskFull', () => {
  const story = new ScriptedExecutors().goesLive();
  story.happens({ kind: 'overDisk', limitMib: 20, peakMib: 31 });
  expect(story.takeEffects('destroy')).toHaveLength(1);
  story.ends({ state: 'signaled', signal: 'SIGKILL' });
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'diskFull' });
  expect(story.task('t1').outbox.updates.at(-1)).toMatchObject({
    cause: { kind: 'diskLimit', limit: 20, peak: 31 },
    message: expect.stringContaining('its executor, and all tasks in it, were ended'),
  });
  expect(story.confirmExits()).toMatchObject([
    { body: { end: 'signaled', message: expect.stringContaining('limit of 20 MiB') } },
  ]);
});

test('an executor one of whose volumes holds more than its size is destroyed, and its tasks say which', () => {
  const story = new ScriptedExecutors().goesLive();
  const volumeId = VolumeId.parse('v1');
  story.happens({ kind: 'overDisk', volumeId, limitMib: 20, peakMib: 31 });
  expect(story.takeEffects('destroy')).toHaveLength(1);
  story.ends({ state: 'signaled', signal: 'SIGKILL' });
  expect(story.end('t1')).toEqual({ state: 'failed', reason: 'diskFull' });
  const message = 'its executor, and all tasks in it, were ended: its volume v1 held 31 MiB';
  expect(story.task('t1').outbox.updates.at(-1)?.message).toContain(message);
});
