// Tests connections under TLS: to three nodes, by address lists, and what is said when it cannot be had.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openConnection } from '@parley/actor/nats/open-connection';
import { readTlsFiles, type TlsFiles } from '@parley/actor/nats/tls-files';
import { readServiceArguments } from '@parley/actor/service-arguments';
import { ClusterName } from '@parley/protocol/ids';
import { locateNatsServer } from '@parley/setup/nats-server';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { succeeded, TEST_TIMEOUT_MS, until } from './actor-fixture.ts';
import { type Authority, type Certificate, issue, makeAuthority } from './certificates.ts';
import { freePorts, type Nats3, startNats3, writeCertificate } from './nats3-fixture.ts';
import { Nats3Node } from './nats3-node.ts';

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS, hookTimeout: TEST_TIMEOUT_MS });

const directory = mkdtempSync(join(tmpdir(), 'parley-tls-'));
const cluster = ClusterName.parse('secret');
const stranger = makeAuthority('another authority');
const nodes: Nats3Node[] = [];
let nats: Nats3;
let authority: Authority;

beforeAll(async () => {
  const actors = [{ kind: 'master', id: 'master-1' }] as const;
  nats = await startNats3({ cluster, actors, tls: true });
  authority = nats.authority ?? stranger;
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await nats?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** What these files make of a connection; the credential's own part about TLS is left out. */
async function connectWith(files: TlsFiles, servers = nats.urls): Promise<string> {
  const { tls: _, ...plain } = nats.identity('master', 'master-1');
  const tls = succeeded(readTlsFiles(files));
  const opened = await openConnection({ ...plain, servers, ...(tls && { tls }) });
  if (!opened.ok) return `${opened.failure.code}: ${opened.failure.message}`;
  await opened.value.close();
  return 'connected';
}

function filesOf(name: string, from: Authority, certificate: Certificate): Required<TlsFiles> {
  const paths = writeCertificate(directory, name, from, certificate);
  return { ca: paths.caFile, cert: paths.certFile, key: paths.keyFile };
}

const trusted = (): TlsFiles => ({ ca: filesOf('trusted', authority, authority).ca });

/** One more server, which has no users: whoever gets as far as the credential is let in. */
async function serverWith(certificate?: Certificate, verify = false): Promise<string[]> {
  const name = `alone-${nodes.length}`;
  const [port = 0] = await freePorts(1);
  const { path: binary } = await locateNatsServer();
  const paths = certificate && writeCertificate(directory, name, authority, certificate);
  const node = new Nats3Node({
    name,
    directory: join(directory, name),
    binary,
    port,
    scheme: 'tls',
    config: { ...(paths && { tls: { ...paths, verify } }) },
    accounts: () => '  system {}',
    systemAccount: 'system',
  });
  nodes.push(node);
  await node.start();
  return [node.url];
}

test('a list of addresses may name nodes that are down, and a node that is lost is left for another', async () => {
  const [port] = await freePorts(1);
  expect(await connectWith(trusted(), [`tls://127.0.0.1:${port}`, ...nats.urls])).toBe('connected');
  const connection = await nats.connect('master', 'master-1');
  const before = connection.getServer();
  const node = nats.nodes.find(({ url }) => url.endsWith(before.slice(before.indexOf(':'))));
  await node?.kill();
  await until(() => connection.getServer() !== before && connection.isClosed() === false);
  await connection.flush();
  await node?.start();
});

test('the credential file carries the authority, and the option wins over it', async () => {
  const file = nats.credential('master', 'master-1');
  const own = succeeded(readServiceArguments('master', ['--creds', file])).identity;
  expect((await openConnection(own)).ok).toBe(true);
  const { ca } = filesOf('stranger', stranger, stranger);
  const words = ['--creds', file, '--tls-ca', ca];
  const told = await openConnection(succeeded(readServiceArguments('master', words)).identity);
  expect(told).toMatchObject({ ok: false, failure: { code: 'unavailable' } });
});

test('an address without tls:// reaches a server with TLS too, and is not believed without an authority', async () => {
  const plain = nats.urls.map((url) => url.replace('tls:', 'nats:'));
  expect(await connectWith(trusted(), plain)).toBe('connected');
  expect(await connectWith({}, plain)).toContain('not of an authority that is trusted here');
});

test('an authority that did not sign the certificate is named as the cause, with the option', async () => {
  const { ca } = filesOf('stranger', stranger, stranger);
  const said = await connectWith({ ca });
  expect(said).toMatch(/^unavailable: .*not of an authority that is trusted here.*--tls-ca FILE/);
});

test("a server's certificate that has expired is named as the cause", async () => {
  const servers = await serverWith(issue(authority, 'node', -1));
  expect(await connectWith(trusted(), servers)).toContain("the server's certificate has expired");
});

test('a server without TLS is not spoken to by who asks for it', async () => {
  const servers = await serverWith();
  expect(await connectWith(trusted(), servers)).toContain('the server speaks no TLS');
  expect(await connectWith({}, servers)).toContain('the server speaks no TLS');
});

test('a server that wants certificates of clients gets them, and what is wrong with one is told', async () => {
  const servers = await serverWith(issue(authority, 'node'), true);
  const ca = trusted();
  expect(await connectWith(ca, servers)).toContain('--tls-cert FILE and --tls-key FILE');
  const good = filesOf('client', authority, issue(authority, 'client'));
  expect(await connectWith(good, servers)).toBe('connected');
  const old = filesOf('old', authority, issue(authority, 'client', -1));
  expect(await connectWith(old, servers)).toContain('has expired');
  const other = filesOf('other', stranger, issue(stranger, 'client'));
  expect(await connectWith({ ...other, ...ca }, servers)).toContain(
    "does not trust the authority of this client's certificate",
  );
});

test('files that are missing, damaged or incomplete are named before anything is connected', () => {
  const missing = join(directory, 'missing.pem');
  const damaged = join(directory, 'damaged.pem');
  writeFileSync(damaged, 'no PEM');
  const said = (files: TlsFiles): string => {
    const read = readTlsFiles(files);
    return read.ok ? 'ok' : `${read.failure.code}: ${read.failure.message}`;
  };
  expect(said({ ca: missing })).toContain(`unavailable: --tls-ca ${missing} cannot be read`);
  expect(said({ ca: damaged })).toBe(`malformed: --tls-ca ${damaged} holds no certificate in PEM`);
  const { cert, key } = filesOf('client', authority, issue(authority, 'client'));
  expect(said({ cert: damaged, key })).toContain('holds no certificate');
  expect(said({ cert, key: damaged })).toContain('holds no private key');
  expect(said({ cert })).toContain('given together');
  expect(said({ cert, key })).toBe('ok');
});
