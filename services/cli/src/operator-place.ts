// Owns how a command comes to its operator's link: by its context, and with failures in words for whoever typed it.
import { readCredentialFile } from '@parley/actor/nats/credential-file';
import { connectOperator, LinkError, type OperatorLink } from '@parley/operator-sdk/operator-link';
import type { Failure } from '@parley/protocol/errors';
import { CommandFailure, EXIT, failureFromCluster } from './command-failure.ts';
import type { Context } from './context-store.ts';

/** Opens both connections of an operator. Throws a failure that says what to do. */
export async function openOperatorLink(context: Context): Promise<OperatorLink> {
  const identity = readCredentialFile(context.operatorCredential, { servers: context.servers });
  if (!identity.ok) throw unreachable(context, identity.failure);
  const link = await connectOperator(identity.value);
  if (!link.ok) throw unreachable(context, link.failure);
  return link.value;
}

/** Opens a link for one piece of work and closes it whatever happens. */
export async function withOperator<Value>(
  context: Context,
  work: (link: OperatorLink) => Promise<Value>,
): Promise<Value> {
  const link = await openOperatorLink(context);
  try {
    return await work(link);
  } catch (error) {
    throw error instanceof LinkError ? linkFailure(error) : error;
  } finally {
    await link.close();
  }
}

/** In words for whoever typed the command. */
function linkFailure(error: LinkError): CommandFailure {
  const { message: what, failure, trouble } = error;
  switch (trouble) {
    case 'closed':
      return new CommandFailure(EXIT.unreachable, { what, why: failure.message }, error);
    case 'timedOut': {
      const remedy = 'see "parley status" and "parley logs master-1"';
      return new CommandFailure(EXIT.timedOut, { what, why: failure.message, remedy }, error);
    }
    case 'unreadable':
      return failureFromCluster(what, failure);
  }
}

function unreachable({ name }: Context, failure: Failure): CommandFailure {
  return new CommandFailure(EXIT.unreachable, {
    what: `cluster ${name} cannot be reached`,
    why: `${failure.message} (${failure.code})`,
    remedy: 'see "parley context list"; start a cluster with: npm start -- --keep',
  });
}
