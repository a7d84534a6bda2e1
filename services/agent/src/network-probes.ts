// Owns the probes that go over the network: HTTP, HTTPS and TCP, always to this host or a task's private address, inside this process. Each is over
// at its timeout, whatever the other side does, and reads no more than a response's head. What a result means is in
// task-checks.ts.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Probe } from '@parley/protocol/checks';
import type { ProbeAnswer } from './task-checks.ts';

const MAX_HEAD_BYTES = 16 * 1024;

type HttpProbe = Extract<Probe, { kind: 'http' }>;
type TcpProbe = Extract<Probe, { kind: 'tcp' }>;

/** One GET. A redirect is a result and is not followed; a certificate is not looked at, since the host is this one. */
export function probeHttp(probe: HttpProbe, host: string, timeoutMs: number): Promise<ProbeAnswer> {
  const { scheme, port, path } = probe;
  const url = `${scheme}://${host}:${port}${path}`;
  const ask = scheme === 'https' ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const request = ask({
      host,
      port,
      path,
      agent: false,
      rejectUnauthorized: false,
      maxHeaderSize: MAX_HEAD_BYTES,
      headers: { 'user-agent': 'parley-agent', connection: 'close' },
    });
    const finish = (statusCode: number | undefined, detail: string): void => {
      clearTimeout(timer);
      request.destroy();
      const result = { kind: 'http', ...(statusCode !== undefined && { statusCode }) } as const;
      resolve({ result, detail });
    };
    const timer = setTimeout(
      () => finish(undefined, `${url} gave no answer within ${timeoutMs} ms`),
      timeoutMs,
    );
    request.on('response', ({ statusCode = 0 }) =>
      finish(statusCode, `${url} answered ${statusCode}`),
    );
    // A server that asks for another protocol answers nothing that this probe could use.
    request.on('upgrade', ({ statusCode = 0 }) =>
      finish(statusCode, `${url} answered ${statusCode}`),
    );
    // After the result this is the destruction of the request, which nobody waits for any more.
    request.on('error', (error) => finish(undefined, `${url}: ${error.message}`));
    request.end();
  });
}

/** One connection, closed as soon as it is made. */
export function probeTcp(
  { port }: TcpProbe,
  host: string,
  timeoutMs: number,
): Promise<ProbeAnswer> {
  const place = `tcp ${host}:${port}`;
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (succeeded: boolean | undefined, detail: string): void => {
      clearTimeout(timer);
      socket.destroy();
      const result = { kind: 'tcp', ...(succeeded !== undefined && { succeeded }) } as const;
      resolve({ result, detail });
    };
    const timer = setTimeout(
      () => finish(undefined, `${place} gave no answer within ${timeoutMs} ms`),
      timeoutMs,
    );
    socket.on('connect', () => finish(true, `${place} accepts connections`));
    socket.on('error', (error) => finish(false, `${place}: ${error.message}`));
  });
}
