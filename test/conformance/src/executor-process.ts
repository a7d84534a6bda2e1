// An executor for tests as one for Mesos is written, from its documentation: HTTP, a stream of records, and what its
// environment says; nothing of ours but the codec, for the encoding of protobuf. What a task does, its name says. It tells
// what it hears in the file that is its second argument, and answers a message with the same bytes in reverse.
import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { decode, type Encoding, encode } from '@parley/mesos-api/codec';
import { mediaTypeOf } from '@parley/mesos-api/media-type';
import type { ExecutorCall, ExecutorEvent, TaskInfo } from '@parley/mesos-api/message-types';
import { RecordReader } from '@parley/mesos-api/record-io';

type Status = NonNullable<ExecutorCall['update']>['status'];

const [, , log = '', asked = 'json'] = process.argv;
const encoding: Encoding = asked === 'protobuf' ? 'protobuf' : 'json';
const env = (name: string): string => process.env[name] ?? '';
const [host, port] = env('MESOS_AGENT_ENDPOINT').split(':');
const executor_id = { value: env('MESOS_EXECUTOR_ID') };
const framework_id = { value: env('MESOS_FRAMEWORK_ID') };
const tasks = new Map<string, TaskInfo>();
const unacknowledgedTasks = new Map<string, TaskInfo>();
const unacknowledgedUpdates = new Map<string, Status>();

const tell = (text: string): void => appendFileSync(log, `${text}\n`);

/** Times as digits, bytes as text. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, field: unknown) => {
    if (field instanceof Uint8Array) return Buffer.from(field).toString();
    return typeof field === 'bigint' ? String(field) : field;
  });

const headers = {
  Authorization: `Bearer ${env('MESOS_EXECUTOR_AUTHENTICATION_TOKEN')}`,
  'Content-Type': mediaTypeOf(encoding),
  Accept: mediaTypeOf(encoding),
};

function post(call: Omit<ExecutorCall, 'executor_id' | 'framework_id'>) {
  const body = encode('executor.Call', encoding, { executor_id, framework_id, ...call });
  const sent = request({ host, port, path: '/slave(1)/api/v1/executor', method: 'POST', headers });
  sent.end(body);
  return sent;
}

function send(call: Omit<ExecutorCall, 'executor_id' | 'framework_id'>): void {
  post(call)
    .on('response', (answer) => {
      answer.resume();
      if (answer.statusCode !== 202) tell(`${call.type} was answered ${answer.statusCode}`);
    })
    // What was not acknowledged is sent again with the next subscription.
    .on('error', () => undefined);
}

function update(task: TaskInfo, state: Status['state'], message?: string): void {
  const uuid = randomBytes(16);
  const { task_id } = task;
  const at = { timestamp: Date.now() / 1000, source: 'SOURCE_EXECUTOR', executor_id } as const;
  const status: Status = { task_id, state, uuid, ...at, ...(message && { message }) };
  unacknowledgedUpdates.set(uuid.toString('hex'), status);
  send({ type: 'UPDATE', update: { status } });
}

function launch(task: TaskInfo): void {
  tasks.set(task.task_id.value, task);
  unacknowledgedTasks.set(task.task_id.value, task);
  update(task, 'TASK_RUNNING', `process ${process.pid}`);
  if (task.name !== 'finishes') return;
  tasks.delete(task.task_id.value);
  update(task, 'TASK_FINISHED');
  update(task, 'TASK_FINISHED');
}

function kill(taskId: string): void {
  const task = tasks.get(taskId);
  tasks.delete(taskId);
  if (task !== undefined) update(task, 'TASK_KILLED');
}

async function hear(event: ExecutorEvent): Promise<void> {
  switch (event.type) {
    case 'SUBSCRIBED': {
      const { executor_info, framework_info, agent_info } = event.subscribed ?? {};
      const names = [executor_info?.executor_id.value, framework_info?.id?.value];
      tell(`SUBSCRIBED ${names.join(' ')} on ${agent_info?.id?.value}`);
      return;
    }
    case 'LAUNCH':
      if (event.launch === undefined) return;
      tell(`LAUNCH ${textOf({ ...event.launch.task, executor: undefined })}`);
      return launch(event.launch.task);
    case 'LAUNCH_GROUP':
      tell('LAUNCH_GROUP');
      return event.launch_group?.task_group.tasks?.forEach(launch);
    case 'ACKNOWLEDGED': {
      const { task_id, uuid } = event.acknowledged ?? {};
      const key = Buffer.from(uuid ?? []).toString('hex');
      tell(`ACKNOWLEDGED ${task_id?.value} ${unacknowledgedUpdates.get(key)?.state}`);
      unacknowledgedTasks.delete(task_id?.value ?? '');
      unacknowledgedUpdates.delete(key);
      return;
    }
    case 'KILL':
      tell(`KILL ${event.kill?.task_id.value}`);
      return kill(event.kill?.task_id.value ?? '');
    case 'MESSAGE':
      return send({
        type: 'MESSAGE',
        message: { data: event.message?.data.toReversed() ?? new Uint8Array(0) },
      });
    case 'SHUTDOWN':
      tell('SHUTDOWN');
      for (const taskId of [...tasks.keys()]) kill(taskId);
      while (unacknowledgedUpdates.size > 0) await wait(20);
      process.exit(0);
      break;
    default:
      tell(`${event.type}`);
  }
}

/** Until the stream ends. */
function subscribe(): Promise<void> {
  const repeated = {
    unacknowledged_tasks: [...unacknowledgedTasks.values()],
    unacknowledged_updates: [...unacknowledgedUpdates.values()].map((status) => ({ status })),
  };
  return new Promise((resolve) => {
    post({ type: 'SUBSCRIBE', subscribe: repeated })
      .on('error', () => resolve())
      .on('response', (answer) => {
        listen(answer);
        answer.on('close', () => resolve());
      });
  });
}

function listen(answer: IncomingMessage): void {
  const { statusCode, headers: said } = answer;
  if (statusCode !== 200) {
    tell(`SUBSCRIBE was answered ${statusCode}`);
    answer.resume();
    return;
  }
  const isStream = said['transfer-encoding'] === 'chunked';
  if (said['mesos-stream-id'] !== undefined || !isStream) tell('a wrong header');
  const records = new RecordReader(1024 * 1024);
  answer.on('data', (bytes: Buffer) => {
    for (const record of records.push(bytes)) {
      const event = record.ok ? decode('executor.Event', encoding, record.value) : record;
      if (event.ok) void hear(event.value);
      else tell(`not understood: ${event.failure.message}`);
    }
  });
}

tell(
  `MESOS ${JSON.stringify(Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('MESOS_'))))}`,
);
for (;;) {
  await subscribe();
  tell('the stream ended');
  if (env('MESOS_CHECKPOINT') === '') process.exit(3);
  await wait(200);
}
