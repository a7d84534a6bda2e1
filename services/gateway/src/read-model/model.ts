// Owns what the pages and answers for Mesos's tools are made of: the followed state, and where and since when this
// gateway is.
import type { ClusterState } from '@parley/cluster/cluster-state';

/** Where tools find this gateway, which stands for the master and for every agent. */
export type Place = { readonly ip: string; readonly port: number };

export type Model = {
  readonly cluster: string;
  readonly state: ClusterState;
  readonly place: Place;
  /** Wall clock at which core time was 0, about: core time stands still while nobody leads. Milliseconds since 1970. */
  readonly coreEpochMs: number;
  /** Likewise: since when this gateway answers, and since when it knows of the term. */
  readonly startedMs: number;
  readonly electedMs: number;
};

/** Core time as seconds since 1970, about. */
export const secondsOf = ({ coreEpochMs }: Model, coreTimeMs: number): number =>
  Math.round((coreEpochMs + coreTimeMs) / 1000);
