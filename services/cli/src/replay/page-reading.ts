// Owns reading lines as a principal: pages that a master makes of what concerns the principal's own frameworks, asked for
// with the principal's own credential.
import { setTimeout as wait } from 'node:timers/promises';
import { type Identity, readCredentialFile } from '@parley/actor/nats/credential-file';
import { NatsBus } from '@parley/actor/nats/nats-bus';
import { openConnection } from '@parley/actor/nats/open-connection';
import { type Failure, fail, isRetryable, type Outcome } from '@parley/protocol/errors';
import { PrincipalName } from '@parley/protocol/ids';
import { decodeAnswer, encodeMessage } from '@parley/protocol/message';
import { type ReplayLine, ReplayPage, ReplayPageRequest } from '@parley/protocol/replay';
import { SUBJECTS } from '@parley/protocol/subjects';
import { isAbout, type LineFilter } from '@parley/replay/line-filter';
import { keptWords, type Moment } from '@parley/replay/moments';
import { CommandFailure, EXIT, failureFromCluster } from '../command-failure.ts';
import { monotonicMs, wallTimeMs } from '../effects.ts';
import { type LineRange, type LineReading, latestBegin } from './line-reading.ts';

/** A master may have to load a state first. */
const PAGE_TIMEOUT_MS = 20_000;
/** How long a page is asked for again while nobody answers. */
const PAGE_PATIENCE_MS = 60_000;
const AGAIN_MS = 250;
const FOLLOW_MS = 1000;

type PageBus = Pick<NatsBus, 'request' | 'close'>;
type Kept = Pick<ReplayPage, 'first' | 'last'>;

export class PageReading implements LineReading {
  readonly #identity: Pick<Identity, 'actor' | 'cluster'>;
  readonly #principal: PrincipalName;
  readonly #bus: PageBus;

  constructor(identity: Pick<Identity, 'actor' | 'cluster'>, bus: PageBus) {
    this.#identity = identity;
    this.#principal = PrincipalName.parse(identity.actor.id);
    this.#bus = bus;
  }

  /** Throws a failure that says what to do. `servers` win over those in the file. */
  static async open(file: string, servers: readonly string[] | undefined): Promise<PageReading> {
    const identity = readCredentialFile(file, servers === undefined ? {} : { servers });
    if (!identity.ok) throw failureFromCluster('the credential is of no use', identity.failure);
    const { actor, cluster } = identity.value;
    if (actor.kind !== 'principal') {
      throw new CommandFailure(EXIT.usage, {
        what: `${file} is the credential of ${actor.kind} ${actor.id}`,
        remedy: 'name one of a principal; operators need no --creds',
      });
    }
    const connection = await openConnection(identity.value);
    if (!connection.ok)
      throw failureFromCluster('the cluster cannot be reached', connection.failure);
    const bus = new NatsBus({
      connection: connection.value,
      cluster,
      onConnectedChange: () => undefined,
      onTrouble: () => undefined,
      onClosed: () => undefined,
    });
    return new PageReading(identity.value, bus);
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  async read(range: LineRange, onLine: (line: ReplayLine) => void): Promise<void> {
    const kept = await this.#page({ limit: 0 });
    const isWithin = endOf(kept, range.to);
    const asked = askedOf(range.filter);
    let from = await this.#begin(kept, range);
    for (;;) {
      const page = await this.#page({ ...asked, ...(from && { from }) });
      for (const line of page.lines.filter(isWithin)) {
        if (isAbout(line, range.filter)) onLine(line);
      }
      from = page.next;
      // Of a time nothing is known before a line says so.
      const isOver = !isWithin({ sequence: from.sequence, storedMs: 0 });
      if (isOver || !page.lines.every(isWithin)) return;
      if (page.isEnd && !range.follow) return;
      if (page.isEnd) await wait(FOLLOW_MS);
    }
  }

  async #begin(kept: Kept, { from, to }: LineRange): Promise<ReplayPageRequest['from']> {
    if (from !== 'latest') return beginOf(kept, from);
    const end = await this.#entryOf(kept, to);
    return { sequence: latestBegin(kept.first.sequence, end), skip: 0 };
  }

  /** The last entry up to a moment that was found to be one of those that are kept. */
  async #entryOf({ first, last }: Kept, to: Moment | undefined): Promise<number> {
    if (to === undefined || to.kind === 'last') return last.sequence;
    if (to.kind === 'first') return first.sequence;
    if (to.kind === 'entry') return to.sequence;
    const atMs = to.kind === 'time' ? to.atMs : last.storedMs - to.ms;
    const { next } = await this.#page({ from: { storedMs: atMs + 1 }, limit: 0 });
    return next.sequence - 1;
  }

  async #page(request: (typeof ReplayPageRequest)['_zod']['input']): Promise<ReplayPage> {
    const { cluster } = this.#identity;
    const parameters = { principal: this.#principal };
    const body = ReplayPageRequest.parse(request);
    const { subject, bytes } = encodeMessage(SUBJECTS.replayPage, cluster, parameters, body);
    const deadlineMs = monotonicMs() + PAGE_PATIENCE_MS;
    for (;;) {
      const reply = await this.#bus.request(subject, bytes, PAGE_TIMEOUT_MS);
      const page = reply.ok ? pageIn(reply.value) : reply;
      if (page.ok) return page.value;
      if (!isRetryable(page.failure.code) || monotonicMs() > deadlineMs) {
        throw failureFromCluster('no master told of the past', page.failure);
      }
      await wait(AGAIN_MS);
    }
  }
}

/** What of a filter a master is asked for; the rest is looked at here. */
const askedOf = ({ framework, task, agent }: LineFilter) => ({
  ...(framework && { framework: framework.frameworkId }),
  ...(task && { framework: task.frameworkId, task: task.taskId }),
  ...(agent !== undefined && { agent }),
});

function pageIn(bytes: Uint8Array): Outcome<ReplayPage> {
  const answer = decodeAnswer(SUBJECTS.replayPage, bytes);
  if (!answer.ok) return answer;
  const received = answer.value.answer;
  return received.ok ? { ok: true, value: ReplayPage.parse(received.value) } : received;
}

function beginOf(kept: Kept, from: Moment | undefined): ReplayPageRequest['from'] {
  const { last } = kept;
  if (from === undefined) return undefined;
  switch (from.kind) {
    case 'first':
      return undefined;
    case 'last':
      return { sequence: last.sequence, skip: 0 };
    case 'before':
      return { storedMs: last.storedMs - from.ms };
    case 'time':
      checkTime(kept, from.atMs);
      return { storedMs: from.atMs };
    case 'entry':
      checkEntry(kept, from.sequence);
      return { sequence: from.sequence, skip: 0 };
  }
}

function endOf(kept: Kept, to: Moment | undefined): (at: ReplayPage['last']) => boolean {
  const { first, last } = kept;
  if (to === undefined) return () => true;
  switch (to.kind) {
    case 'first':
      return ({ sequence }) => sequence <= first.sequence;
    case 'last':
      return ({ sequence }) => sequence <= last.sequence;
    case 'before':
      return ({ storedMs }) => storedMs <= last.storedMs - to.ms;
    case 'time':
      checkTime(kept, to.atMs);
      return ({ storedMs }) => storedMs <= to.atMs;
    case 'entry':
      checkEntry(kept, to.sequence);
      return ({ sequence }) => sequence <= to.sequence;
  }
}

function checkEntry(kept: Kept, sequence: number): void {
  if (sequence >= kept.first.sequence && sequence <= kept.last.sequence) return;
  throw unknown(`there is no entry ${sequence}: ${keptWords(kept)}`);
}

function checkTime(kept: Kept, atMs: number): void {
  const words = new Date(atMs).toISOString();
  if (atMs < kept.first.storedMs) {
    throw unknown(`${words} is before everything that is kept: ${keptWords(kept)}`);
  }
  if (atMs > Math.max(wallTimeMs(), kept.last.storedMs)) {
    throw unknown(`nothing is known of ${words} yet: ${keptWords(kept)}`);
  }
}

function unknown(message: string): CommandFailure {
  const failure: Failure = fail('unknownMoment', message).failure;
  return failureFromCluster('the past cannot be read', failure);
}
