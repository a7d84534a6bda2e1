// Owns speaking to a cluster without the SDK, for tests of what a caller may do wrong: calls whose bytes, ids and sessions the
// test chooses, and a plain socket that keeps to no limit. It tests nothing itself.

import { readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { Credential } from '@parley/protocol/credential';
import type { RequestId } from '@parley/protocol/envelope';
import { type FrameworkRef, RoleName } from '@parley/protocol/ids';
import { type Answer, decodeAnswer, decodeMessage, encodeMessage } from '@parley/protocol/message';
import type { Offer } from '@parley/protocol/offers';
import type { SubjectEntry } from '@parley/protocol/subject-entry';
import { wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { TaskDescription } from '@parley/protocol/tasks';
import { type Msg, type NatsConnection, nkeys, RequestError } from 'nats';
import { type ClusterFixture, cluster, until } from './cluster-fixture.ts';

/** The answer comes after a commit, on machines that do other things as well. */
const ANSWER_MS = 30_000;
const ASK_AGAIN_MS = 50;

/** One framework's calls. Every call has a request id of its own unless the test gives one. */
export class Caller {
  readonly framework: FrameworkRef;
  readonly connection: NatsConnection;
  readonly offers: Offer[] = [];
  session = 0;
  #counter = 0;

  constructor(connection: NatsConnection, framework: FrameworkRef) {
    this.connection = connection;
    this.framework = framework;
    connection.subscribe(wildcardOf(SUBJECTS.offers, cluster, framework), {
      callback: (_, { subject, data }) => {
        const message = decodeMessage(SUBJECTS.offers, cluster, subject, data);
        if (!message.ok) throw new Error(message.failure.message);
        this.offers.push(...message.value.body.offers);
      },
    });
  }

  request(): RequestId {
    this.#counter += 1;
    return { session: 'by-hand', counter: this.#counter, lowest: 1 };
  }

  subscribeBytes(request: RequestId = this.request()) {
    const body = { name: 'by hand', roles: [RoleName.parse('*')], failoverTimeoutMs: 600_000 };
    return encodeMessage(SUBJECTS.subscribe, cluster, this.framework, body, { request });
  }

  async subscribe(): Promise<void> {
    const { subject, bytes } = this.subscribeBytes();
    const answer = await this.ask(SUBJECTS.subscribe, subject, bytes);
    if (!answer.ok) throw new Error(answer.failure.message);
    this.session = SUBJECTS.subscribe.reply?.parse(answer.value).session ?? 0;
  }

  /** An offer that it has been made and has not answered. */
  async offer(): Promise<Offer> {
    await until(
      () => this.offers.length > 0,
      () => 'an offer',
    );
    const offer = this.offers.pop();
    if (offer === undefined) throw new Error('no offer');
    return offer;
  }

  accept(
    offerIds: readonly Offer['offerId'][],
    launches: readonly TaskDescription[],
    request: RequestId = this.request(),
  ): Promise<Answer> {
    const [offerId] = offerIds;
    if (offerId === undefined) throw new Error('no offer is named');
    const { subject, bytes } = encodeMessage(
      SUBJECTS.accept,
      cluster,
      { ...this.framework, offerId },
      { offerIds: [...offerIds], operations: [{ kind: 'launch', tasks: [...launches] }] },
      { request, frameworkSession: this.session },
    );
    return this.ask(SUBJECTS.accept, subject, bytes);
  }

  ask(entry: SubjectEntry, subject: string, bytes: Uint8Array): Promise<Answer> {
    return ask(this.connection, entry, subject, bytes);
  }

  /** Gives back whatever it holds. */
  async teardown(): Promise<void> {
    const header = { request: this.request(), frameworkSession: this.session };
    const call = encodeMessage(SUBJECTS.teardown, cluster, this.framework, {}, header);
    const answer = await this.ask(SUBJECTS.teardown, call.subject, call.bytes);
    if (!answer.ok) throw new Error(answer.failure.message);
  }
}

/** Asks again while nobody leads, as every client does: a term begins a moment before it is heard. */
export async function ask(
  connection: NatsConnection,
  entry: SubjectEntry,
  subject: string,
  bytes: Uint8Array,
): Promise<Answer> {
  const untilMs = Date.now() + ANSWER_MS;
  const request = async (): Promise<Msg> => {
    try {
      return await connection.request(subject, bytes, { timeout: ANSWER_MS });
    } catch (error) {
      const isNobody = error instanceof RequestError && error.isNoResponders();
      if (!isNobody || Date.now() > untilMs) throw error;
      await setTimeout(ASK_AGAIN_MS);
      return request();
    }
  };
  const reply = await request();
  const answer = decodeAnswer(entry, reply.data);
  if (!answer.ok) throw new Error(answer.failure.message);
  return answer.value.answer;
}

/** What the server says to a client that keeps to no limit, until it hangs up. NATS docs, "Client protocol". */
export async function sendUnchecked(
  fixture: ClusterFixture,
  principal: string,
  subject: string,
  payloadBytes: number,
): Promise<string> {
  const file = fixture.credential('principal', principal);
  const { seeds } = Credential.parse(JSON.parse(readFileSync(file, 'utf8')));
  const pair = nkeys.fromSeed(Buffer.from(seeds.control));
  const socket = connectSocket({ host: '127.0.0.1', port: fixture.server.port });
  socket.on('error', () => undefined);
  let said = '';
  socket.on('data', (text: Buffer) => {
    const first = said === '';
    said += text.toString();
    if (!first) return;
    const nonce = /"nonce":"([^"]+)"/.exec(said)?.[1] ?? '';
    const sig = Buffer.from(pair.sign(Buffer.from(nonce))).toString('base64url');
    const options = { verbose: false, pedantic: false, lang: 'none', version: '0', protocol: 1 };
    const connecting = JSON.stringify({ ...options, nkey: pair.getPublicKey(), sig });
    socket.write(`CONNECT ${connecting}\r\nPUB ${subject} ${payloadBytes}\r\n`);
  });
  // What is sent after its refusal would cut off the refusal itself, so it announces the bytes and sends none.
  await new Promise((resolve) => socket.on('close', resolve));
  return said;
}
