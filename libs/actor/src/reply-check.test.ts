import { ClusterName } from '@parley/protocol/ids';
import { expect, test } from 'vitest';
import { mayReply } from './reply-check.ts';

const cluster = ClusterName.parse('c');

test.each([
  ['master.call.framework.alice.f1.subscribe', '_INBOX.principal.alice.x.1'],
  ['offers.alice.f1.o1.accept', '_INBOX.principal.alice.x.1'],
  ['master.call.agent.a1.register', '_INBOX.agent.a1.x.1'],
  ['agent.a1.run', '_INBOX.master.master-2.x.1'],
  ['agent.a1.logs', '_INBOX.operator.olga.x.1'],
  ['master.call.operator.olga.kill', '_INBOX.operator.olga.x.1'],
  ['control.agent.a1.log-level', '_INBOX.operator.olga.x.1'],
])('a request on %s is answered into %s', (subject, reply) => {
  expect(mayReply(cluster, `parley.c.${subject}`, reply)).toBe(true);
});

test.each([
  ['the command subject of an agent', 'master.call.agent.a1.register', 'parley.c.agent.a2.kill'],
  ['the inbox of another agent', 'master.call.agent.a1.register', '_INBOX.agent.a2.x.1'],
  ['an id that only begins alike', 'master.call.agent.a1.register', '_INBOX.agent.a11.x.1'],
  ['the inbox of another principal', 'offers.alice.f1.o1.accept', '_INBOX.principal.bob.x.1'],
  ['an inbox of another kind', 'agent.a1.run', '_INBOX.agent.a1.x.1'],
  ['any inbox, when nobody asks there', 'master.broadcast.presence', '_INBOX.agent.a1.x.1'],
  ['any inbox, for an unknown subject', 'nothing.of.ours', '_INBOX.agent.a1.x.1'],
])('an answer may not go to %s', (_, subject, reply) => {
  expect(mayReply(cluster, `parley.c.${subject}`, reply)).toBe(false);
});
