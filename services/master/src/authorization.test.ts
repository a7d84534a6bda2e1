// Tests of the rules of who may do what, and of the example that operators begin with.
import { readFileSync } from 'node:fs';
import { AgentId, FrameworkId, PrincipalName, RoleName } from '@parley/protocol/ids';
import { describe, expect, it } from 'vitest';
import { ACTIONS, type Action, type Attempt, AuthorizationRules, decide } from './authorization.ts';
import { parseRules } from './authorization-file.ts';

type Given = { by: string; action: Action; role?: string; framework?: string; agent?: string };

function anAttempt({ by, action, role, framework, agent }: Given): Attempt {
  const [principal = '', frameworkId = ''] = framework?.split('/') ?? [];
  return {
    by,
    action,
    target: {
      ...(role !== undefined && { role: RoleName.parse(role) }),
      ...(agent !== undefined && { agentId: AgentId.parse(agent) }),
      ...(framework !== undefined && {
        framework: {
          principal: PrincipalName.parse(principal),
          frameworkId: FrameworkId.parse(frameworkId),
        },
      }),
    },
  };
}

const rules = (...list: object[]) =>
  AuthorizationRules.parse({
    rules: list.map((rule, index) => ({
      name: `rule-${index + 1}`,
      principals: ['*'],
      actions: ['*'],
      allow: true,
      ...rule,
    })),
    otherwise: 'deny',
  });

describe('authorization rules', () => {
  it('the first rule that matches decides, whatever stands below it', () => {
    const both = rules({ principals: ['alice'], allow: false }, { principals: ['*'] });
    expect(decide(both, anAttempt({ by: 'alice', action: 'kill' }))).toEqual({
      allow: false,
      rule: 'rule-1',
    });
    expect(decide(both, anAttempt({ by: 'bob', action: 'kill' }))).toEqual({
      allow: true,
      rule: 'rule-2',
    });
  });

  it('where no rule matches, "otherwise" decides', () => {
    const none = AuthorizationRules.parse({ rules: [], otherwise: 'allow' });
    const attempt = anAttempt({ by: 'alice', action: 'kill' });
    expect(decide(none, attempt)).toEqual({ allow: true, rule: 'otherwise' });
    expect(decide(rules(), attempt)).toEqual({ allow: false, rule: 'otherwise' });
  });

  it.each<[string, object, Given, boolean]>([
    ['a name is itself', { principals: ['team'] }, { by: 'team', action: 'kill' }, true],
    ['a name is no beginning', { principals: ['team'] }, { by: 'team-1', action: 'kill' }, false],
    ['name* is a beginning', { principals: ['team*'] }, { by: 'team-1', action: 'kill' }, true],
    ['name* is no end', { principals: ['team*'] }, { by: 'a-team', action: 'kill' }, false],
    ['an action is itself', { actions: ['kill'] }, { by: 'a', action: 'kill' }, true],
    ['another action is not', { actions: ['kill'] }, { by: 'a', action: 'teardown' }, false],
    [
      'a role is itself',
      { objects: { roles: ['eng'] } },
      { by: 'a', action: 'launch', role: 'eng' },
      true,
    ],
    [
      'and the roles below it',
      { objects: { roles: ['eng'] } },
      { by: 'a', action: 'launch', role: 'eng/search' },
      true,
    ],
    [
      'but no role that begins alike',
      { objects: { roles: ['eng'] } },
      { by: 'a', action: 'launch', role: 'engine' },
      false,
    ],
    [
      '* is the role of that name too',
      { objects: { roles: ['*'] } },
      { by: 'a', action: 'launch', role: '*' },
      true,
    ],
    [
      'a framework is named with its principal',
      { objects: { frameworks: ['a/etl-*'] } },
      { by: 'a', action: 'launch', framework: 'a/etl-7' },
      true,
    ],
    [
      'the same framework id of another principal is another framework',
      { objects: { frameworks: ['a/etl-7'] } },
      { by: 'b', action: 'launch', framework: 'b/etl-7' },
      false,
    ],
    [
      'an agent',
      { objects: { agents: ['gpu-*'] } },
      { by: 'a', action: 'launch', agent: 'gpu-1' },
      true,
    ],
    [
      'a rule about agents is not about what has none',
      { objects: { agents: ['*'] } },
      { by: 'a', action: 'subscribe', role: 'eng' },
      false,
    ],
    [
      'all kinds that are named must match',
      { objects: { roles: ['eng'], agents: ['gpu-*'] } },
      { by: 'a', action: 'launch', role: 'eng', agent: 'cpu-1' },
      false,
    ],
  ])('%s', (_, rule, given, matches) => {
    expect(decide(rules(rule), anAttempt(given)).allow).toBe(matches);
  });
});

describe('a file of rules that is wrong', () => {
  const field = (change: object) =>
    JSON.stringify({
      rules: [{ name: 'one', principals: ['*'], actions: ['kill'], allow: true, ...change }],
      otherwise: 'deny',
    });

  it.each([
    ['{\n "rules": [],\n "otherwise": deny\n}', 'line 3'],
    ['{\n "rules": [\n', 'line 2'],
    ['', 'line 1'],
    ['{\n "rules": [\n  { "name": "a"\n    "allow": true }\n ]\n}', 'line 4'],
    ['{\n "rules": [\n  { "name": },\n  {}\n ],\n "otherwise": "deny"\n}', 'line 3'],
    ['{\n "rules": [],\n "otherwise": "deny"\n}\n\nmore\n', 'line 6'],
    ["{\n 'rules': [],\n 'otherwise': 'deny'\n}", 'line 2'],
    ['[]', 'the whole'],
    ['{ "rules": [] }', 'field otherwise'],
    ['{ "rules": [], "otherwise": "maybe" }', 'field otherwise'],
    [field({ allow: 'yes' }), 'field rules.0.allow (rule "one")'],
    [field({ actions: ['kil'] }), 'field rules.0.actions.0 (rule "one")'],
    [field({ principals: [] }), 'field rules.0.principals (rule "one")'],
    [field({ principals: ['*-team'] }), 'field rules.0.principals.0 (rule "one")'],
    [field({ allowed: true }), 'allowed'],
    [field({ name: 'otherwise' }), 'field rules.0.name'],
    [field({ objects: { role: ['eng'] } }), 'field rules.0.objects (rule "one")'],
    [field({ actions: ['kill', 'subscribe'], objects: { agents: ['a'] } }), 'rules.0.actions.1'],
  ])('is refused and says where: %s', (text, where) => {
    const refused = parseRules('rules.json', text);
    expect(refused).toMatchObject({ ok: false, failure: { code: 'malformed' } });
    const message = refused.ok ? '' : refused.failure.message;
    expect(message).toContain('rules.json: ');
    expect(message).toContain(where);
  });

  it('and has two rules of one name says which is the second', () => {
    const rule = { name: 'one', principals: ['*'], actions: ['*'], allow: true };
    const refused = parseRules('r', JSON.stringify({ rules: [rule, rule], otherwise: 'deny' }));
    expect(JSON.stringify(refused)).toContain('rules.1.name');
  });
});

describe('the example in the documentation', () => {
  const docs = new URL('../../../infra/docs/', import.meta.url);
  const text = readFileSync(new URL('authorization.json', docs), 'utf8');
  const page = readFileSync(new URL('authorization.md', docs), 'utf8');
  const example = parseRules('authorization.json', text);

  it('is a file that the master takes, and is printed in the page as it is', () => {
    expect(example).toMatchObject({ ok: true });
    expect(page).toContain(`\`\`\`json\n${text}\`\`\``);
  });

  it.each<[Given, string, boolean]>([
    [{ by: 'olga', action: 'operatorAgent', agent: 'a1' }, 'only-olga-runs-the-cluster', true],
    [{ by: 'olga', action: 'operatorQuota', role: 'students' }, 'only-olga-runs-the-cluster', true],
    [{ by: 'oscar', action: 'operatorWeight', role: 'students' }, 'otherwise', false],
    [{ by: 'oscar', action: 'operatorAgent', agent: 'a1' }, 'otherwise', false],
    [{ by: 'oscar', action: 'operatorKill', role: 'students' }, 'operators-kill', true],
    [
      { by: 'student-7', action: 'reserve', role: 'students', agent: 'a1' },
      'no-reservations-by-students',
      false,
    ],
    [
      { by: 'student-7', action: 'launch', role: 'students', agent: 'gpu-1' },
      'gpu-agents-are-for-research',
      false,
    ],
    [
      { by: 'student-7', action: 'launch', role: 'students', agent: 'a1' },
      'students-in-their-role',
      true,
    ],
    [{ by: 'student-7', action: 'subscribe', role: 'batch' }, 'otherwise', false],
    [{ by: 'research', action: 'launch', role: 'x', agent: 'gpu-1' }, 'teams', true],
    [{ by: 'stranger', action: 'subscribe', role: 'students' }, 'otherwise', false],
  ])('decides %o by %s', (given, rule, allow) => {
    if (!example.ok) throw new Error(example.failure.message);
    expect(decide(example.value, anAttempt(given))).toEqual({ allow, rule });
  });

  it('stands beside a list of all actions, with the objects that each is about', () => {
    for (const [action, kinds] of Object.entries(ACTIONS)) {
      const row = page
        .split('\n')
        .find((line) => line.startsWith('|') && line.includes(`\`${action}\``));
      const cells = row
        ?.split('|')
        .slice(3, 6)
        .map((cell) => cell.trim() === '✓');
      const known: readonly string[] = kinds;
      expect(cells, action).toEqual(
        ['roles', 'frameworks', 'agents'].map((kind) => known.includes(kind)),
      );
    }
  });
});
