// Owns what tests of slow readers need: a server that waits two seconds only for whoever does not read, or keeps a MiB only
// for it, what it says about it, a flood of what a master says to all of a kind, and what whoever was dropped has to say
// about it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { NatsServer } from '@parley/nats-server/nats-server';
import { type SubjectEntry, wildcardOf } from '@parley/protocol/subject-entry';
import { SUBJECTS } from '@parley/protocol/subjects';
import type { NatsConnection } from 'nats';
import { expect } from 'vitest';
import { binaryOf } from './bus-fixture.ts';
import { cluster, until, type WatchedProcess } from './cluster-fixture.ts';
import { HaCluster, LEADS } from './ha-fixture.ts';

const MIB = 1024 * 1024;
const JUNK = Buffer.alloc(256 * 1024);
/** More than the kernel keeps for a connection; beyond it the server itself has to wait. */
const MAX_FLOOD_BYTES = 512 * MIB;

const logOf = ({ directory }: NatsServer): string =>
  readFileSync(path.join(directory, 'logs', 'nats-server.log'), 'utf8');

/** For connections that are made from now on, until members change or the server is started again. */
async function waitsBriefly(server: NatsServer): Promise<void> {
  const file = path.join(server.directory, 'nats-server.conf');
  const before = readFileSync(file, 'utf8');
  const after = before.replace('write_deadline: "10s"', 'write_deadline: "2s"');
  if (after === before) throw new Error('the configuration states no write deadline');
  writeFileSync(file, after);
  const count = logOf(server).split('Reloaded server configuration').length;
  process.kill(server.pid, 'SIGHUP');
  await until(
    () => logOf(server).split('Reloaded server configuration').length > count,
    () => `the server reloads; it said ${logOf(server).slice(-1000)}`,
  );
}

/**
 * Starts it again on its data with the smallest `max_pending` that it takes: one message of the largest size. The value
 * ends it. Members must not change meanwhile: that would write its configuration anew.
 */
async function keepsLittle(server: NatsServer): Promise<() => Promise<void>> {
  const file = path.join(server.directory, 'nats-server.conf');
  await server.stop();
  writeFileSync(file, `${readFileSync(file, 'utf8')}max_pending: ${MIB}\n`);
  const ready = () => logOf(server).split('Server is ready').length;
  const before = ready();
  const started: ChildProcess = spawn(await binaryOf('reference'), ['--config', file], {
    stdio: 'ignore',
  });
  await until(
    () => ready() > before,
    () => `the server starts again; it said ${logOf(server).slice(-1000)}`,
  );
  return async () => {
    started.kill('SIGKILL');
    if (started.exitCode === null && started.signalCode === null) await once(started, 'exit');
  };
}

/** It had more to send to that client than it keeps. */
export const hasKeptTooLittle = (server: NatsServer, client: string): boolean =>
  logOf(server)
    .split('\n')
    .some(
      (line) =>
        line.includes(client) &&
        line.includes(`Slow Consumer Detected: MaxPending of ${MIB} Exceeded`),
    );

/** How often the server has dropped the client of that name as a slow consumer. */
const dropsOf = (server: NatsServer, client: string): number =>
  logOf(server)
    .split('\n')
    .filter((line) => line.includes(client) && line.includes('Slow Consumer Detected')).length;

/** What a master says to all of a kind. */
const HEARD_BY: Readonly<Record<string, SubjectEntry>> = {
  agent: SUBJECTS.presence,
  principal: SUBJECTS.presence,
  allocator: SUBJECTS.facts,
  master: SUBJECTS.masterBeat,
};

/** Sends junk to all of its kind until the server drops that client. `client`: kind and id. `sender`: a master's. */
export async function floodUntilDropped(
  server: NatsServer,
  sender: NatsConnection,
  client: string,
): Promise<void> {
  const before = dropsOf(server, client);
  const heard = HEARD_BY[client.slice(0, client.indexOf(' '))];
  if (heard === undefined) throw new Error(`nothing is sent to ${client}`);
  const subject = wildcardOf(heard, cluster);
  for (let sent = 0; sent < MAX_FLOOD_BYTES; sent += JUNK.length) {
    sender.publish(subject, JUNK);
    await sender.flush();
    // Others read on, on a machine that may be busy.
    if (sent % (2 * MIB) === 0) await wait(50);
    if (dropsOf(server, client) > before) return;
  }
  throw new Error(`${client} was not dropped: ${logOf(server).slice(-1000)}`);
}

export type Scene = { readonly ha: HaCluster; readonly flooder: NatsConnection };

const SLOW = '"why":"slowRead"';
const BACK = 'connected to NATS again';

type Cleanups = (() => Promise<void>)[];

/** Two masters, an allocator, two agents, a framework, on a server that waits briefly for readers. */
export const startBrief = (cleanups: Cleanups): Promise<Scene> =>
  startWith(cleanups, (server) => waitsBriefly(server));

/** The same on a server that keeps as little as it may for each client. */
export const startKeepingLittle = (cleanups: Cleanups): Promise<Scene> =>
  startWith(cleanups, async (server) => void cleanups.push(await keepsLittle(server)));

async function startWith(
  cleanups: Cleanups,
  change: (server: NatsServer) => Promise<void>,
): Promise<Scene> {
  const ha = new HaCluster();
  cleanups.push(() => ha.close());
  const { fixture } = ha;
  await fixture.startServer();
  await fixture.provision();
  await change(fixture.server);
  await fixture.service('master-1').start().says(LEADS);
  await ha.startRest();
  return { ha, flooder: await fixture.connect('master', 'master-2') };
}

/** A process says nothing of having been held up for less than a second: whoever is dropped sooner does not know why. */
const STOPPED_MS = 1500;

/** Stops the process, floods it until the server drops it, and lets it go on. */
export async function stopsReading(
  { ha, flooder }: Scene,
  victim: WatchedProcess,
  client: string,
): Promise<void> {
  victim.signal('SIGSTOP');
  await Promise.all([floodUntilDropped(ha.fixture.server, flooder, client), wait(STOPPED_MS)]);
  victim.signal('SIGCONT');
}

export async function saysWhyAndComesBack(victim: WatchedProcess): Promise<void> {
  await victim.says(SLOW);
  expect(victim.line(SLOW)).toMatchObject({ level: 'warn', slowReads: 1 });
  expect(victim.line(SLOW)['msg']).toContain('see what holds this process up');
  await victim.says(BACK);
}
