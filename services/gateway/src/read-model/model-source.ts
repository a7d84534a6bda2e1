// Owns the model as of now, for pages and answers: the followed state, where this gateway is, and what it has learnt of
// times that the books do not hold.
import { networkInterfaces } from 'node:os';
import { systemClock } from '@parley/actor/nats/system-clock';
import type { FastifyInstance } from 'fastify';
import type { GatewayContext } from '../gateway-context.ts';
import type { Model, Place } from './model.ts';

/** Core time that is off by more is measured anew: it stood still while nobody led. */
const MAX_DRIFT_MS = 5000;

export class ModelSource {
  readonly #context: Pick<GatewayContext, 'live' | 'config'>;
  readonly #server: FastifyInstance;
  readonly #startedMs = systemClock.wallTimeMs();
  #electedMs = this.#startedMs;
  #coreEpochMs: number;

  constructor(context: Pick<GatewayContext, 'live' | 'config'>, server: FastifyInstance) {
    this.#context = context;
    this.#server = server;
    const { live } = context;
    this.#coreEpochMs = this.#startedMs - live.followed.state.record.coreTimeMs;
    live.onEvent(({ coreTimeMs, event }) => {
      const measured = systemClock.wallTimeMs() - coreTimeMs;
      if (Math.abs(measured - this.#coreEpochMs) > MAX_DRIFT_MS) this.#coreEpochMs = measured;
      if (event.type === 'termStarted') this.#electedMs = systemClock.wallTimeMs();
    });
  }

  now(): Model {
    const { cluster, state } = this.#context.live.followed;
    return {
      ...{ cluster, state, place: this.#place() },
      coreEpochMs: this.#coreEpochMs,
      startedMs: this.#startedMs,
      electedMs: this.#electedMs,
    };
  }

  #place(): Place {
    const { host, port } = this.#context.config;
    const address = this.#server.server.address();
    const own = typeof address === 'object' && address !== null ? address.port : port;
    return { ip: isWildcard(host) ? outerAddress() : host, port: own };
  }
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** Where others find this host: the first of its addresses that leads out. */
function outerAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}
