import fc from 'fast-check';
import { expect, it } from 'vitest';
import { passagesOf } from './accounts.ts';
import { HOLDER_KINDS, type Holder, inboxPrefix } from './credential.ts';
import { ClusterName, PrincipalName } from './ids.ts';
import { isOwn } from './own-subjects.ts';
import { type HolderUsers, type User, usersOf } from './permissions.ts';
import { type SubjectEntry, wildcardOf } from './subject-entry.ts';
import { SUBJECTS } from './subjects.ts';

const cluster = ClusterName.parse('c1');
const alice = PrincipalName.parse('alice');
const bob = PrincipalName.parse('bob');

const usersFor = (holder: Holder): HolderUsers => usersOf(holder, cluster, [alice, bob]);

const allUsers = ({ control, books, work, principals }: HolderUsers): User[] =>
  [control, books, work, ...Object.values(principals ?? {})].filter((user) => user !== undefined);

/** Whether a subject is covered by a pattern: NATS docs, "Subject-based messaging". */
function covers(pattern: string, subject: string): boolean {
  const parts = pattern.split('.');
  const tokens = subject.split('.');
  const rest = parts.indexOf('>');
  if (rest < 0 ? parts.length !== tokens.length : tokens.length <= rest) return false;
  return parts.every((part, index) => part === '>' || part === '*' || part === tokens[index]);
}

const mayPublish = ({ permissions }: User, subject: string): boolean =>
  permissions.publish.some((pattern) => covers(pattern, subject)) &&
  !permissions.neverPublish?.some((pattern) => covers(pattern, subject));

const maySubscribe = ({ permissions }: User, subject: string): boolean =>
  permissions.subscribe.some((pattern) => covers(pattern, subject));

const anyId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).filter((id) => id !== 'master');
const anyHolder: fc.Arbitrary<Holder> = fc.record({
  kind: fc.constantFrom(...HOLDER_KINDS),
  id: anyId,
});

it('nobody reads the inbox of anybody else, but who emulates agents theirs', () => {
  fc.assert(
    fc.property(anyHolder, anyHolder, (reader, owner) => {
      const isEmulated = reader.kind === 'emulator' && owner.kind === 'agent';
      const own = isEmulated || (reader.kind === owner.kind && reader.id === owner.id);
      for (const user of allUsers(usersFor(reader))) {
        expect(maySubscribe(user, `${inboxPrefix(owner)}.x.1`)).toBe(own);
      }
    }),
  );
});

it('an agent speaks under its own id only', () => {
  fc.assert(
    fc.property(anyId, anyId, (id, other) => {
      const { control } = usersFor({ kind: 'agent', id });
      for (const entry of [SUBJECTS.register, SUBJECTS.agentHeartbeat, SUBJECTS.usage]) {
        const subject = wildcardOf(entry, cluster, { agentId: other });
        expect(mayPublish(control, subject)).toBe(id === other);
      }
      const update = { source: other, principal: 'p', frameworkId: 'f', taskId: 't' };
      expect(mayPublish(control, wildcardOf(SUBJECTS.update, cluster, update))).toBe(id === other);
      expect(maySubscribe(control, wildcardOf(SUBJECTS.run, cluster, { agentId: other }))).toBe(
        id === other,
      );
    }),
  );
});

it('who emulates agents may what any agent of its cluster may, by its messages, and nothing else', () => {
  const emulator = usersFor({ kind: 'emulator', id: 'many' });
  expect(allUsers(emulator)).toEqual([emulator.control]);
  const { control } = emulator;
  fc.assert(
    fc.property(anyId, (id) => {
      const agent = usersFor({ kind: 'agent', id }).control.permissions;
      const filled = (pattern: string): string => pattern.replace('>', 'x').replaceAll('*', 'x');
      for (const pattern of agent.publish) {
        expect(mayPublish(control, filled(pattern)), pattern).toBe(true);
      }
      for (const pattern of agent.subscribe) {
        expect(maySubscribe(control, filled(pattern)), pattern).toBe(true);
      }
    }),
  );
  const parameters = { agentId: 'a1', source: 'master', principal: 'alice', frameworkId: 'f' };
  const others = Object.values(SUBJECTS).filter(
    ({ from }) => !from.some((kind) => kind === 'agent'),
  );
  for (const entry of others) {
    const subject = wildcardOf(entry, cluster, { ...parameters, taskId: 't', offerId: 'o' });
    expect(mayPublish(control, subject.replaceAll('*', 'x')), subject).toBe(false);
  }
  // The leader writes its own updates under this name.
  const own = wildcardOf(SUBJECTS.update, cluster, { ...parameters, taskId: 't' });
  expect(mayPublish(control, own)).toBe(false);
  for (const foreign of ['parley.c2.master.call.agent.a1.register', 'parley.c2.agent.a1.run']) {
    expect(mayPublish(control, foreign)).toBe(false);
    expect(maySubscribe(control, foreign)).toBe(false);
  }
});

it('only an operator may watch what tasks use, and hear it; an agent tells of its own', () => {
  const watch = wildcardOf(SUBJECTS.watchUsage, cluster);
  for (const kind of HOLDER_KINDS) {
    const { control } = usersFor({ kind, id: 'x' });
    const units = (agentId: string) => wildcardOf(SUBJECTS.unitsUsage, cluster, { agentId });
    expect(mayPublish(control, watch), kind).toBe(kind === 'operator');
    expect(maySubscribe(control, watch), kind).toBe(kind === 'agent' || kind === 'emulator');
    expect(maySubscribe(control, units('y')), kind).toBe(kind === 'operator');
    expect(mayPublish(control, units('x')), kind).toBe(kind === 'agent' || kind === 'emulator');
    expect(mayPublish(control, units('y')), kind).toBe(kind === 'emulator');
  }
});

it('a principal speaks and listens under its own name only', () => {
  fc.assert(
    fc.property(anyId, anyId, (id, other) => {
      const { control } = usersFor({ kind: 'principal', id });
      const parameters = { principal: other, frameworkId: 'f', offerId: 'o' };
      const accept = wildcardOf(SUBJECTS.accept, cluster, parameters);
      expect(mayPublish(control, accept)).toBe(id === other);
      const offers = wildcardOf(SUBJECTS.offers, cluster, parameters);
      expect(maySubscribe(control, offers)).toBe(id === other);
    }),
  );
});

it('an operator asks about the files of any task and may run commands beside it; a principal under its own name, and hears its answers alone', () => {
  fc.assert(
    fc.property(anyHolder, anyId, (holder, name) => {
      const { control } = usersFor(holder);
      const { kind, id } = holder;
      const of = (entry: SubjectEntry): string =>
        wildcardOf(entry, cluster, { agentId: 'a1', principal: name, frameworkId: 'f' });
      const isOwn = kind === 'principal' && id === name;
      expect(mayPublish(control, of(SUBJECTS.files))).toBe(kind === 'operator');
      expect(mayPublish(control, of(SUBJECTS.exec))).toBe(kind === 'operator');
      expect(mayPublish(control, of(SUBJECTS.ownFiles))).toBe(isOwn);
      expect(maySubscribe(control, of(SUBJECTS.ownFilesAnswer))).toBe(isOwn);
      const isAgent = kind === 'emulator' || (kind === 'agent' && id === 'a1');
      expect(mayPublish(control, of(SUBJECTS.ownFilesAnswer))).toBe(isAgent);
    }),
  );
});

it('who answers may publish to the inboxes of the kinds that ask it, and to no others', () => {
  const asked: Record<string, string[]> = {
    master: ['agent', 'master', 'operator', 'principal'],
    allocator: ['allocator', 'operator'],
    agent: ['master', 'operator'],
    principal: [],
    operator: [],
    provisioner: [],
    emulator: ['master', 'operator'],
  };
  for (const kind of HOLDER_KINDS) {
    const { control } = usersFor({ kind, id: 'x' });
    const callers = HOLDER_KINDS.filter((caller) => mayPublish(control, `_INBOX.${caller}.y.1`));
    expect(callers.sort()).toEqual(asked[kind]);
  }
});

it('only a master may look like a leading master, only an allocator like a leading allocator', () => {
  const signs = [
    [SUBJECTS.masterBeat, 'master'],
    [SUBJECTS.masterPing, 'master'],
    [SUBJECTS.allocatorBeat, 'allocator'],
    [SUBJECTS.allocatorPing, 'allocator'],
  ] as const;
  for (const kind of HOLDER_KINDS) {
    const { control } = usersFor({ kind, id: 'x' });
    for (const [entry, owner] of signs) {
      const subject = wildcardOf(entry, cluster);
      expect(mayPublish(control, subject), `${kind} on ${subject}`).toBe(kind === owner);
      // Who hears the question may answer it: nobody else may pretend that a leader is there.
      const hears = kind === owner || (kind === 'operator' && entry.delivery === 'publish');
      expect(maySubscribe(control, subject), `${kind} hears ${subject}`).toBe(hears);
    }
  }
});

it('gateways of all operators are heard by operators alone, and each speaks under its own name', () => {
  fc.assert(
    fc.property(anyHolder, anyId, ({ kind, id }, gateway) => {
      const { control } = usersFor({ kind, id });
      const subject = wildcardOf(SUBJECTS.gatewayBeat, cluster, { gateway });
      expect(mayPublish(control, subject)).toBe(kind === 'operator' && id === gateway);
      expect(maySubscribe(control, subject)).toBe(kind === 'operator');
    }),
  );
  const { control } = usersFor({ kind: 'operator', id: 'olga' });
  const own = wildcardOf(SUBJECTS.gatewayBeat, cluster, { gateway: 'olga' });
  expect(mayPublish(control, own)).toBe(true);
});

it('an operator tells the leader to step down under its own name only', () => {
  fc.assert(
    fc.property(anyHolder, anyId, (holder, operator) => {
      const { control } = usersFor(holder);
      const subject = wildcardOf(SUBJECTS.stepDown, cluster, { operator });
      const may = holder.kind === 'operator' && holder.id === operator;
      expect(mayPublish(control, subject)).toBe(may);
    }),
  );
});

it('the account of the messages has nothing of JetStream for anybody', () => {
  for (const kind of HOLDER_KINDS) {
    const { control } = usersFor({ kind, id: 'x' });
    expect(control.permissions.publish.filter((subject) => subject.startsWith('$'))).toEqual([]);
  }
});

it('only a provisioner may make, change or delete streams', () => {
  for (const kind of HOLDER_KINDS) {
    for (const verb of ['CREATE', 'UPDATE', 'DELETE']) {
      const able = allUsers(usersFor({ kind, id: 'x' })).some((user) =>
        mayPublish(user, `$JS.API.STREAM.${verb}.PARLEY_c1_JOURNAL`),
      );
      expect(able, `${kind} ${verb}`).toBe(kind === 'provisioner');
    }
  }
});

it('nobody but a provisioner may read a message of a server that does not lead its stream', () => {
  const streams = ['PARLEY_c1_JOURNAL', 'KV_parley_c1_leases', 'OBJ_parley_c1_alice'];
  for (const subject of streams.flatMap((stream) => [stream, `${stream}.any.subject`])) {
    const direct = `$JS.API.DIRECT.GET.${subject}`;
    for (const kind of HOLDER_KINDS) {
      const able = allUsers(usersFor({ kind, id: 'alice' })).some((one) => mayPublish(one, direct));
      expect(able, `${kind} ${direct}`).toBe(kind === 'provisioner');
    }
    const passed = passagesOf(cluster, alice).filter((one) => covers(one.subject, direct));
    expect(passed).toEqual([]);
  }
});

it("everything that passes out of a principal's account names the principal, but for agents' inboxes", () => {
  for (const { subject, as } of passagesOf(cluster, alice)) {
    expect(subject === '_INBOX.agent.>' || subject.includes('alice')).toBe(true);
    // An account has a JetStream API of its own below this: another's must not stand there as well.
    expect(as.startsWith('$JS.API')).toBe(false);
  }
});

it('what is sent to one agent alone is sent to agents only, with at most one more parameter, the last', () => {
  for (const { kind, pattern, to } of Object.values(SUBJECTS).filter(isOwn)) {
    expect(to, kind).toEqual(['agent']);
    expect(pattern, kind).toMatch(/^agent\.\{agentId\}\.[a-z-]+(\.\{[A-Za-z]+\})?$/);
  }
});

it('only a pull is answered more than once: a server keeps such a request for two minutes', () => {
  const many = passagesOf(cluster, alice).filter(({ kind }) => kind === 'answers');
  expect(many.map(({ subject }) => subject)).toEqual([
    '$JS.API.CONSUMER.MSG.NEXT.PARLEY_c1_UPDATES_alice.*',
    '$JS.API.CONSUMER.MSG.NEXT.OBJ_parley_c1_alice.*',
  ]);
});
