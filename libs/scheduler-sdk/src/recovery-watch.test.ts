// Owns the rules of knowing that everything that happened before was heard: read, and given to the plan or left out.
import { TaskId } from '@parley/protocol/ids';
import { encodeMessage } from '@parley/protocol/message';
import { SUBJECTS } from '@parley/protocol/subjects';
import { StatusUpdate } from '@parley/protocol/tasks';
import { describe, expect, it } from 'vitest';
import { MemoryWorld } from './memory-ports.ts';
import { RecoveryWatch } from './recovery-watch.ts';
import type { UpdateReader, UpdateReaderOptions } from './scheduler-ports.ts';

class Fixture {
  readonly world = new MemoryWorld();
  readonly watch = new RecoveryWatch(this.world.cluster);
  isHeard = false;
  #inner: UpdateReaderOptions | undefined;
  readonly reader: UpdateReader;

  constructor() {
    const ports = this.watch.around({
      ...this.world.ports,
      openUpdates: (options) => {
        this.#inner = options;
        const nothing = (): void => undefined;
        return { acknowledge: nothing, catchUp: nothing, close: async () => undefined };
      },
    });
    this.reader = ports.openUpdates({
      framework: this.world.leader.framework,
      session: 1,
      onMessage: () => undefined,
      onCaughtUp: () => undefined,
      onTrouble: () => undefined,
    });
  }

  waitFor(sequence: number): void {
    const heard = this.watch.heardUpTo({ streamCreatedMs: 1, sequence });
    void heard.then(() => {
      this.isHeard = true;
    });
  }

  read(sequence: number): StatusUpdate {
    const task = { ...this.world.leader.framework, taskId: TaskId.parse(`t${sequence}`) };
    const update = StatusUpdate.parse({
      task,
      agentId: 'a1',
      source: 'agent',
      sequence: 1,
      state: 'finished',
      wallTimeMs: 0,
    });
    const parameters = { ...task, source: 'a1' };
    const { subject, bytes } = encodeMessage(
      SUBJECTS.update,
      this.world.cluster,
      parameters,
      update,
    );
    this.#inner?.onMessage({ streamCreatedMs: 1, sequence }, subject, bytes);
    return update;
  }

  begins(streamCreatedMs: number, sequence: number): void {
    this.#inner?.onBegin?.({ streamCreatedMs, sequence });
  }

  async caughtUp(sequence: number): Promise<boolean> {
    this.#inner?.onCaughtUp({ streamCreatedMs: 1, sequence });
    return await this.now();
  }

  async now(): Promise<boolean> {
    await Promise.resolve();
    return this.isHeard;
  }
}

describe('what happened before is heard', () => {
  it('not before the stream was read up to there', async () => {
    const fixture = new Fixture();
    fixture.waitFor(5);
    expect(await fixture.caughtUp(4)).toBe(false);
    expect(await fixture.caughtUp(5)).toBe(true);
  });

  it('not before the plan was given each update up to there', async () => {
    const fixture = new Fixture();
    const update = fixture.read(5);
    fixture.waitFor(5);
    expect(await fixture.caughtUp(5)).toBe(false);
    fixture.watch.heard(update);
    expect(await fixture.now()).toBe(true);
  });

  it('also where an update was left out and only acknowledged', async () => {
    const fixture = new Fixture();
    fixture.read(3);
    fixture.waitFor(5);
    expect(await fixture.caughtUp(5)).toBe(false);
    fixture.reader.acknowledge(3);
    expect(await fixture.now()).toBe(true);
  });

  it('later than it is read', async () => {
    const fixture = new Fixture();
    let isRead = false;
    const read = fixture.watch.readUpTo({ streamCreatedMs: 1, sequence: 5 });
    void read.then(() => {
      isRead = true;
    });
    fixture.read(4);
    await fixture.now();
    expect(isRead).toBe(false);
    const update = fixture.read(6);
    await fixture.now();
    expect(isRead).toBe(true);
    expect(fixture.watch.isOnItsWay(update.task.taskId)).toBe(true);
    fixture.watch.heard(update);
    expect(fixture.watch.isOnItsWay(update.task.taskId)).toBe(false);
  });

  it('whatever comes after it', async () => {
    const fixture = new Fixture();
    fixture.waitFor(5);
    fixture.read(6);
    expect(await fixture.caughtUp(5)).toBe(true);
  });
});

it('a leader knows what is not told again when it has read what was acknowledged before, or a later stream', () => {
  const fixture = new Fixture();
  fixture.begins(1000, 7);
  const covered = [
    [1000, 6],
    [1000, 7],
    [1000, 8],
    [999, 9],
    [1001, 1],
    [0, 0],
  ].map(([streamCreatedMs = 0, sequence = 0]) =>
    fixture.watch.covers({ streamCreatedMs, sequence }),
  );
  expect(covered).toEqual([false, true, true, false, true, false]);
});
