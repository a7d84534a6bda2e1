// Orders that nobody is to give, sent to a real agent as they are: it has to look at them by itself, since who gave the order may
// have read it with another schema, or be somebody else. What an agent does with tasks that are bad is in bad-tasks.test.ts.
import type { Answer } from '@parley/protocol/message';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AgentUnderTest, aShellTask, WAIT_MS } from './agent-fixture.ts';
import { type BusFixture, startBus } from './bus-fixture.ts';
import { PlayedLeader } from './played-leader.ts';

let bus: BusFixture;
let leader: PlayedLeader;
let agent: AgentUnderTest;

beforeAll(async () => {
  bus = await startBus('reference');
  leader = await PlayedLeader.lead(bus);
  agent = new AgentUnderTest(bus, 'auto').start();
  await leader.registered();
}, WAIT_MS);
afterAll(async () => {
  await agent?.close();
  await bus?.close();
}, WAIT_MS);

/** Refused with these words, and nothing was made for it. */
async function expectRefusal(order: Promise<Answer>, words: string, what: string): Promise<void> {
  // The record of an earlier one may just be written anew.
  const made = () =>
    ['sandboxes', 'tasks'].map((directory) =>
      agent.filesBelow(directory).filter((name) => !name.endsWith('.partial')),
    );
  const before = made();
  expect(await order, what).toMatchObject({
    ok: false,
    failure: { code: 'malformed', message: expect.stringContaining(words) },
  });
  expect(made(), what).toEqual(before);
}

test(
  'an order with a string in it that is no UTF-8 is refused, wherever the string stands',
  async () => {
    const argv = ['sh', '-c', 'printf %s "$1$WORD" | od -An -tx1', 'sh', 'first33'];
    const command = { argv, environment: { WORD: 'second44' } };
    const inputs = [{ object: 'x', path: 'third55' }];
    const bytes = (instead: Readonly<Record<string, string>>, more = {}): Uint8Array => {
      let text = Buffer.from(leader.runBytes(aShellTask('words66', '', { command, ...more })));
      for (const [mark, latin1] of Object.entries(instead)) {
        expect(latin1).toHaveLength(mark.length);
        const at = text.lastIndexOf(mark);
        expect(at, mark).toBeGreaterThan(0);
        text = Buffer.from(text);
        text.write(latin1, at, 'latin1');
      }
      return text;
    };
    // The same letter, e with an acute accent: in Latin-1, and half of what it is in UTF-8.
    for (const bad of ['\u00e9!', '!\u00c3', '\u00c3!']) {
      const places = { 33: 'argv', 44: 'value', WORD: 'name', 55: 'path', 66: 'id' };
      for (const [mark, place] of Object.entries(places)) {
        const latin1 = bad.padEnd(mark.length, 'x');
        const isChecked = place === 'name' || place === 'id';
        // Names and ids are of few characters, and what stands for the bytes is none of those.
        const words = isChecked ? { name: 'environment', id: 'taskId' }[place] : 'is no UTF-8';
        const order = leader.orderBytes(bytes({ [mark]: latin1 }, { inputs }));
        await expectRefusal(order, words, `${place} ${JSON.stringify(bad)}`);
      }
    }
    // What is UTF-8 arrives, byte by byte.
    const good = bytes({ 33: '\u00c3\u00a9', 44: '\u00c3\u00a9' });
    expect(await leader.orderBytes(good)).toMatchObject({ ok: true });
    expect(await leader.ended('words66')).toMatchObject({ state: 'finished' });
    const arrived = agent.stdoutOf('words66').replaceAll(/\s+/g, '');
    expect(Buffer.from(arrived, 'hex').toString()).toBe('first\u00e9second\u00e9');
  },
  WAIT_MS,
);

test(
  'words, values and names that no program can be given are refused by the agent',
  async () => {
    const commands: readonly (readonly [words: string, command: object])[] = [
      ['argv', { argv: ['echo', Uint8Array.from([0xff, 0xfe])] }],
      ['NUL', { argv: ['echo', 'a\0b'] }],
      ['argv', { argv: ['echo', 7] }],
      ['argv', { argv: [] }],
      ['NUL', { argv: ['true'], environment: { A: 'a\0b' } }],
      ['environment', { argv: ['true'], environment: { A: Uint8Array.from([0xff]) } }],
      ...['A B', 'A\nB', 'A=B', 'A\0B', ' A', '', '1A', '$(id)', 'Ä', '\u{1f600}'].map(
        (name) => ['environment', { argv: ['true'], environment: { [name]: 'x' } }] as const,
      ),
    ];
    for (const [words, command] of commands) {
      const order = leader.orderUnchecked({ ...aShellTask('no-words', ''), command });
      await expectRefusal(order, words, JSON.stringify(command));
    }
  },
  WAIT_MS,
);

test(
  'ids and paths that a shell or a file system could take for something else are refused by the agent',
  async () => {
    const ids = ['a b', '$(id)', "a'b", 'a\nb', '../up', '..', '.', 'a/b', 'a\0b', 'ä', ''];
    for (const taskId of ids) {
      const order = leader.orderUnchecked(aShellTask(taskId, 'true'));
      await expectRefusal(order, 'taskId', JSON.stringify(taskId));
    }
    for (const where of ['../up', '/etc/passwd', 'a\nb', 'a//b', 'a\0b', 'a/../b', '.', '']) {
      const files = [{ object: 'x', path: where }];
      for (const place of ['inputs', 'outputs']) {
        const order = leader.orderUnchecked({ ...aShellTask('paths', 'true'), [place]: files });
        await expectRefusal(order, `${place}.0.path`, `${place} ${JSON.stringify(where)}`);
      }
    }
    // As it is, but for what was wrong with it.
    expect(await leader.orderUnchecked(aShellTask('paths', 'exit 5'))).toMatchObject({
      ok: true,
    });
    expect(await leader.ended('paths')).toMatchObject({ exitCode: 5 });
  },
  WAIT_MS,
);
