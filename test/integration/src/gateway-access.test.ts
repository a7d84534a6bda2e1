// Tests who is let in to a gateway, on its process: users of a file that changes, the link and token of the sign-in file, and
// that neither stands in its log.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hashToken } from '@parley/operator-sdk/secret-hash';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterFixture, TEST_TIMEOUT_MS, until } from './cluster-fixture.ts';
import { GatewayFixture } from './gateway-fixture.ts';

const cluster = new ClusterFixture();
let gateway: GatewayFixture;
let usersFile: string;
let signInFile: string;

beforeAll(async () => {
  usersFile = path.join(cluster.directory, 'users.json');
  signInFile = path.join(cluster.directory, 'sign-in.json');
  writeUsers('first-token');
  await cluster.startServer();
  await cluster.provision();
  cluster.service('master-1').start();
  await cluster.service('master-1').says('"msg":"term begins"');
  gateway = new GatewayFixture(cluster, '--users', usersFile, '--sign-in-file', signInFile);
  await gateway.start();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await gateway.close();
  await cluster.close();
});

function writeUsers(token: string): void {
  const tokens = [{ name: 'one', sha256: hashToken(token) }];
  const users = [{ name: 'ci', tokens, permissions: ['view'] }];
  writeFileSync(usersFile, JSON.stringify({ users }), { mode: 0o600 });
}
const statusOf = async (headers: Record<string, string>): Promise<number> =>
  (await fetch(`${gateway.url}/metrics`, { headers })).status;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('nobody sees anything but whether it lives without signing in', async () => {
  expect(await statusOf({})).toBe(401);
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200);
});

test('a token lets in until the file of users has another, without a restart', async () => {
  expect(await statusOf(bearer('first-token'))).toBe(200);
  writeUsers('second-token');
  // Looked at with the one that was right: wrong ones are counted, and ten are too many.
  await until(
    async () => (await statusOf(bearer('first-token'))) === 401,
    () => `the old token lets in no more: ${gateway.process.output.slice(-2000)}`,
  );
  expect(await statusOf(bearer('second-token'))).toBe(200);
});

test('the sign-in file is for its user alone; its link gives one browser a session, and no log has a secret', async () => {
  expect(statSync(signInFile).mode & 0o777).toBe(0o600);
  const { link, token } = JSON.parse(readFileSync(signInFile, 'utf8'));
  expect(await statusOf(bearer(token))).toBe(200);
  const answer = await fetch(link);
  const cookie = String(answer.headers.get('set-cookie')).split(';')[0] ?? '';
  expect(await statusOf({ cookie })).toBe(200);
  expect((await fetch(link)).status).toBe(403);
  const secrets = [
    token,
    String(link).split('token=')[1] ?? 'none',
    cookie.split('=')[1] ?? 'none',
  ];
  for (const secret of secrets) expect(gateway.process.output).not.toContain(secret);
});
