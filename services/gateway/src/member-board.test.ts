// Tests what is known of masters and gateways, with signs of life and a clock that the test gives.
import { AgentId, PrincipalName, Token } from '@parley/protocol/ids';
import { GatewayBeat, LeadershipBeat } from '@parley/protocol/leadership';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemberBoard } from './member-board.ts';

const olga = PrincipalName.parse('olga');
let nowMs: number;
let sent: GatewayBeat[];
let hearMaster: (beat: LeadershipBeat) => void;
let hearGateway: (operator: PrincipalName, beat: GatewayBeat) => void;
let board: MemberBoard;

beforeEach(() => {
  nowMs = 1000;
  sent = [];
  board = new MemberBoard(
    {
      onMasterBeat: (hear) => {
        hearMaster = (beat) => hear(beat, undefined);
      },
      onGatewayBeat: (hear) => {
        hearGateway = hear;
      },
      beatAsGateway: (beat) => void sent.push(GatewayBeat.parse(beat)),
    },
    {
      ...{ nowMs: () => nowMs, wallTimeMs: () => 500_000 + nowMs },
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
  expect(board.gateways().map(({ isThis }) => isThis)).toEqual([true, false]);
  board.leave();
  expect(sent.at(-1)).toMatchObject({ ...own, isLeaving: true });
});
