// Tests what is known of masters and gateways, with signs of life and a clock that the test gives.
import type { Epoch } from '@parley/protocol/epoch';
import { AgentId, PrincipalName, Token } from '@parley/protocol/ids';
import { GatewayBeat, LeadershipBeat } from '@parley/protocol/leadership';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MemberBoard } from './member-board.ts';

const olga = PrincipalName.parse('olga');
let nowMs: number;
let sent: GatewayBeat[];
let hearMaster: (beat: LeadershipBeat, epoch?: Epoch) => void;
let hearGateway: (operator: PrincipalName, beat: GatewayBeat) => void;
let refuse: (why: string) => void;
let board: MemberBoard;
const warn = vi.fn();

beforeEach(() => {
  nowMs = 1000;
  sent = [];
  board = new MemberBoard(
    {
      operator: olga,
      onMasterBeat: (hear) => {
        hearMaster = (beat, epoch) => hear(beat, epoch);
      },
      onGatewayBeat: (hear) => {
        hearGateway = hear;
      },
      onBeatRefused: (hear) => {
        refuse = hear;
      },
      beatAsGateway: (beat) => void sent.push(GatewayBeat.parse(beat)),
    },
    {
      ...{ nowMs: () => nowMs, wallTimeMs: () => 500_000 + nowMs, logger: { warn } },
      own: { instance: Token.parse('own'), version: '1.2', agentId: AgentId.parse('a1') },
    },
  );
});
afterEach(() => board.leave());

const aMaster = (id: string, phase: LeadershipBeat['phase'], more: object = {}) =>
  LeadershipBeat.parse({ id, phase, version: '1.2', ...more });
const aGateway = (instance: string, more: object = {}) =>
  GatewayBeat.parse({ instance, version: '1.2', url: `http://${instance}`, upMs: 0, ...more });

test('the leader is told first, then those that stand by, each with its start, version and silence', () => {
  hearMaster(aMaster('m1', 'following', { upMs: 400 }));
  hearMaster(aMaster('m3', 'leading', { upMs: 900 }));
  nowMs = 3000;
  hearMaster(aMaster('m2', 'following'));
  expect(board.masters()).toMatchObject([
    { id: 'm3', phase: 'leading', silentMs: 2000, startedWallMs: 500_100, version: '1.2' },
    { id: 'm1', phase: 'following', silentMs: 2000, startedWallMs: 500_600 },
    { id: 'm2', phase: 'following', silentMs: 0, startedWallMs: null },
  ]);
});

const term = (revision: number): Epoch => ({ bucketCreatedMs: 1, revision });

test('a leader that was killed is not shown as leading beside the one that leads now, nor after it', () => {
  hearMaster(aMaster('m1', 'leading'), term(4));
  expect(board.masters()).toMatchObject([{ id: 'm1', phase: 'leading' }]);
  nowMs += 3000;
  hearMaster(aMaster('m2', 'opening'), term(7));
  hearMaster(aMaster('m0', 'following'));
  const shown = (): string[] => board.masters().map(({ id, phase }) => `${id} ${phase}`);
  expect(shown()).toEqual(['m2 opening', 'm0 following', 'm1 silent']);
  expect(board.masters()[2]).toMatchObject({ silentMs: 3000, version: '1.2' });
  hearMaster(aMaster('m2', 'left'), term(7));
  expect(shown()).toEqual(['m0 following', 'm1 silent']);
  // One that was only slow says so itself.
  hearMaster(aMaster('m1', 'following'));
  expect(shown()).toEqual(['m0 following', 'm1 following']);
});

test('who leaves is gone at once, who falls silent after a minute', () => {
  for (const id of ['m1', 'm2']) hearMaster(aMaster(id, 'following'));
  for (const id of ['g1', 'g2']) hearGateway(olga, aGateway(id));
  hearMaster(aMaster('m1', 'left'));
  hearGateway(olga, aGateway('g1', { isLeaving: true }));
  nowMs += 60_000;
  expect(board.masters().map(({ id }) => id)).toEqual(['m2']);
  expect(board.gateways().map(({ instance }) => instance)).toEqual(['g2']);
  nowMs += 1;
  expect([...board.masters(), ...board.gateways()]).toEqual([]);
});

test('nobody ends the gateway of another operator by naming its instance', () => {
  hearGateway(olga, aGateway('g1'));
  hearGateway(PrincipalName.parse('otto'), aGateway('g1', { isLeaving: true }));
  expect(board.gateways()).toMatchObject([{ operator: 'olga', instance: 'g1' }]);
});

test('of many gateways those of whoever has the most are forgotten, and no other', () => {
  const [otto, otis] = ['otto', 'otis'].map((name) => PrincipalName.parse(name));
  if (otto === undefined || otis === undefined) throw new Error('there are two');
  hearGateway(olga, aGateway('g1'));
  for (let count = 0; count < 40; count += 1) hearGateway(otis, aGateway(`i${count}`));
  for (let count = 0; count < 500; count += 1) hearGateway(otto, aGateway(`o${count}`));
  const countOf = (name: string) =>
    board.gateways().filter(({ operator }) => operator === name).length;
  expect(['olga', 'otis', 'otto'].map(countOf)).toEqual([1, 40, 59]);
});

test('an operator that may not say that its gateway is there is told so once', () => {
  for (const why of ['first', 'again']) refuse(why);
  expect(warn.mock.calls).toEqual([
    [{ why: 'first' }, expect.stringContaining('in no list of gateways')],
  ]);
});

test('a hundred of each are known at most, those heard last', () => {
  for (let count = 0; count < 250; count += 1) {
    hearMaster(aMaster(`m${count}`, 'following'));
    hearGateway(olga, aGateway(`g${count}`));
    hearMaster(aMaster('first', 'leading'));
  }
  expect([board.masters().length, board.gateways().length]).toEqual([100, 100]);
  expect(board.masters()[0]?.id).toBe('first');
  expect(board.gateways().some(({ instance }) => instance === 'g249')).toBe(true);
});

test('a gateway says where it answers and since when, and that it leaves; before it answers, nothing', () => {
  expect(sent).toEqual([]);
  nowMs += 70;
  board.announce('http://127.0.0.1:5050');
  const own = { instance: 'own', version: '1.2', agentId: 'a1', url: 'http://127.0.0.1:5050' };
  expect(sent).toEqual([{ ...own, upMs: 70 }]);
  for (const beat of sent) hearGateway(olga, beat);
  hearGateway(olga, aGateway('another'));
  hearGateway(PrincipalName.parse('otto'), aGateway('own'));
  expect(board.gateways().map(({ isThis }) => isThis)).toEqual([true, false, false]);
  board.leave();
  expect(sent.at(-1)).toMatchObject({ ...own, isLeaving: true });
});
