import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodeFrame } from '@parley/protocol/executor-frames';
import type { ToExecutor } from '@parley/protocol/executors';
import { expect, onTestFinished, test } from 'vitest';
import { AgentConnection } from './agent-connection.ts';

/** An agent that says this to whoever connects; where it listens. */
async function anAgent(directory: string, says: Uint8Array): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(says);
  });
  const before = process.cwd();
  process.chdir(directory);
  await new Promise<void>((resolve) => server.listen('agent.sock', resolve));
  process.chdir(before);
  onTestFinished(() => void server.close());
}

function frameOf(message: ToExecutor): Uint8Array {
  const frame = encodeFrame(message);
  if (!frame.ok) throw new Error(frame.failure.message);
  return frame.value;
}

function aDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'parley-executor-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a socket whose whole path is too long is reached by its name in the sandbox', async () => {
  const sandbox = path.join(aDirectory(), 'x'.repeat(120));
  await anAgent(sandbox, frameOf({ kind: 'shutdown', graceMs: 5 }));
  const heard = await new Promise<ToExecutor>((resolve, reject) => {
    const connection = new AgentConnection('agent.sock', sandbox, {
      onConnected: () => undefined,
      onMessage: (message) => void connection.end().then(() => resolve(message)),
      onClosed: (reason) => reject(new Error(reason)),
    });
  });
  expect(heard).toEqual({ kind: 'shutdown', graceMs: 5 });
});

test('a connection on which nonsense is said is closed with the reason', async () => {
  const sandbox = aDirectory();
  await anAgent(sandbox, Uint8Array.from([0, 0, 0, 1, 0xc1]));
  const reason = await new Promise<string | undefined>((resolve) => {
    new AgentConnection(path.join(sandbox, 'agent.sock'), sandbox, {
      onConnected: () => undefined,
      onMessage: () => undefined,
      onClosed: resolve,
    });
  });
  expect(reason).toContain('message');
});

test('an agent that is not there is told as a connection that closed', async () => {
  const sandbox = aDirectory();
  const reason = await new Promise<string | undefined>((resolve) => {
    new AgentConnection(path.join(sandbox, 'agent.sock'), sandbox, {
      onConnected: () => undefined,
      onMessage: () => undefined,
      onClosed: resolve,
    });
  });
  expect(reason).toContain('ENOENT');
});
