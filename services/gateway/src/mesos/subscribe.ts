// Owns a SUBSCRIBE from the moment it was found well-formed: as whom the framework comes onto the bus, its session there, and
// the stream that answers. What Mesos calls an invalid framework is told by an ERROR on the stream, which then ends.
import { randomNonce } from '@parley/actor/nats/system-clock';
import { type Failure, fail, type Outcome, succeed } from '@parley/protocol/errors';
import {
  FrameworkId,
  type FrameworkRef,
  type PrincipalName,
  type RoleName,
} from '@parley/protocol/ids';
import type { connectClient, SchedulerClient } from '@parley/scheduler-sdk/client';
import { SchedulerError } from '@parley/scheduler-sdk/scheduler-connections';
import type { GatewayContext } from '../gateway-context.ts';
import { masterInfo } from '../read-model/master-info.ts';
import type { ModelSource } from '../read-model/model-source.ts';
import type { EventStream } from './event-stream.ts';
import {
  capabilitiesOf,
  type FrameworkFacts,
  frameworkFacts,
  frameworkRefOf,
  principalOf,
  roleOf,
} from './framework-translation.ts';
import type { HostAddresses } from './host-addresses.ts';
import type { Call, Event, FrameworkInfo } from './mesos-types.ts';
import { Untranslatable } from './mesos-values.ts';
import { type OfferWishes, offerWishes } from './offer-wishes.ts';
import { Subscription } from './subscription.ts';
import type { Subscriptions } from './subscriptions.ts';
import { SuppressedRoles } from './suppressed-roles.ts';
import { errorEvent, stopMessage } from './told-events.ts';

const CONNECT_MS = 10_000;
const STREAM_ID = 'Mesos-Stream-Id';

export type SubscribeParts = {
  readonly context: GatewayContext;
  readonly subscriptions: Subscriptions;
  readonly hosts: HostAddresses;
  readonly source: Pick<ModelSource, 'now'>;
  readonly connect: typeof connectClient;
};

type Subscribe = NonNullable<Call['subscribe']>;
type Asked = {
  readonly framework: FrameworkRef;
  readonly facts: FrameworkFacts;
  readonly suppressed: readonly RoleName[];
  readonly wishes: OfferWishes;
};

type Arrival = {
  readonly subscribe: Subscribe;
  readonly visitor: PrincipalName | undefined;
  readonly stream: EventStream<Event>;
  readonly contentType: string;
};

/** Fails, with nothing sent, where nobody on the bus answers: the framework is to come again. */
export async function subscribe(
  parts: SubscribeParts,
  arrival: Arrival,
): Promise<Outcome<undefined>> {
  const found = askedOf(parts.context, arrival.subscribe, arrival.visitor);
  if (!found.ok) return refuse(arrival, found.failure);
  const asked = found.value;
  return parts.subscriptions.inTurn(asked.framework, async ({ isLatest }) => {
    // Who has left meanwhile, or has come again, must not take the session of who is here.
    if (arrival.stream.isClosed) return succeed(undefined);
    if (!isLatest()) return refuse(arrival, REPLACED);
    const client = await openClient(parts, arrival.subscribe, asked);
    if (!client.ok) return refuse(arrival, client.failure);
    if (arrival.stream.isClosed) {
      await client.value.close();
      return succeed(undefined);
    }
    begin(parts, arrival, { asked, client: client.value });
    return succeed(undefined);
  });
}

const REPLACED = fail('sessionReplaced', 'a newer subscription has come').failure;

function beginStream({ stream, contentType }: Arrival, streamId: string): void {
  stream.begin({ 'Content-Type': contentType, [STREAM_ID]: streamId });
}

function refuse(arrival: Arrival, failure: Failure): Outcome<undefined> {
  if (failure.code === 'unavailable') return { ok: false, failure };
  beginStream(arrival, randomNonce());
  arrival.stream.send(errorEvent(stopMessage(failure)));
  arrival.stream.end();
  return succeed(undefined);
}

function begin(
  { context, subscriptions, hosts, source }: SubscribeParts,
  arrival: Arrival,
  { asked, client }: { readonly asked: Asked; readonly client: SchedulerClient },
): void {
  const streamId = randomNonce();
  const { framework, facts } = asked;
  const { live, logger, nowMs } = context;
  const { framework_info: info } = arrival.subscribe;
  beginStream(arrival, streamId);
  const subscription: Subscription = new Subscription({
    ...{ client, streamId, live, hosts, nowMs, stream: arrival.stream },
    suppressed: new SuppressedRoles(facts.roles, asked.suppressed),
    capabilities: capabilitiesOf(info),
    wishes: asked.wishes,
    checkpoint: info.checkpoint === true,
    masterInfo: masterInfo(source.now()),
    logger: logger.child({ framework: `${framework.principal}.${framework.frameworkId}` }),
    onEnded: () => subscriptions.remove(framework, subscription),
  });
  subscriptions.add(framework, subscription);
  subscription.begin();
}

/** Who signed in, else who the framework says that it is, where its credential is here, else the gateway's default. */
function principalFor(
  { principals, config }: GatewayContext,
  info: FrameworkInfo,
  visitor: PrincipalName | undefined,
): PrincipalName | undefined {
  if (visitor !== undefined) return visitor;
  const named = principalOf(info.principal);
  if (named !== undefined && principals.credentialOf(named).ok) return named;
  return config.defaultPrincipal;
}

function askedOf(
  context: GatewayContext,
  subscribe: Subscribe,
  visitor: PrincipalName | undefined,
): Outcome<Asked> {
  const { framework_info, suppressed_roles = [] } = subscribe;
  try {
    const facts = frameworkFacts(framework_info);
    const suppressed = suppressed_roles.map((role) => roleOf(role, 'suppressed_roles'));
    const own = principalFor(context, framework_info, visitor);
    const id = framework_info.id?.value || undefined;
    const framework = id === undefined ? freshRef(own, facts) : frameworkRefOf(id, own);
    if (framework === undefined) return fail('malformed', missing(id));
    if (visitor !== undefined && framework.principal !== visitor) {
      return fail('notPermitted', `${visitor} does not own the framework ${id ?? ''}`);
    }
    return succeed({ framework, facts, suppressed, wishes: offerWishes(subscribe) });
  } catch (error) {
    if (error instanceof Untranslatable) return fail('malformed', error.message);
    throw error;
  }
}

const missing = (id: string | undefined): string =>
  id === undefined
    ? 'FrameworkInfo.principal: names no principal whose frameworks this gateway carries, and it has no default'
    : `no framework can have the id "${id}"`;

function freshRef(
  principal: PrincipalName | undefined,
  { name }: FrameworkFacts,
): FrameworkRef | undefined {
  if (principal === undefined) return undefined;
  const token = name.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 27);
  return { principal, frameworkId: FrameworkId.parse(`${token}-${randomNonce()}`) };
}

async function openClient(
  { context: { principals }, connect }: SubscribeParts,
  { framework_info }: Subscribe,
  { framework, facts, suppressed }: Asked,
): Promise<Outcome<SchedulerClient>> {
  const identity = principals.credentialOf(framework.principal);
  if (!identity.ok) return identity;
  try {
    const client = await connect({
      ...{ frameworkId: framework.frameworkId, name: facts.name, roles: facts.roles, suppressed },
      failoverTimeoutMs: facts.failoverTimeoutMs,
      takesRevocable: capabilitiesOf(framework_info).revocableResources,
      credential: identity.value,
      connectTimeoutMs: CONNECT_MS,
    });
    return succeed(client);
  } catch (error) {
    if (error instanceof SchedulerError) return { ok: false, failure: error.failure };
    throw error;
  }
}
