// Owns what every group of routes is given: the followed cluster, the way to the bus, who may do what.
import type { OperatorLink } from '@parley/operator-sdk/operator-link';
import type { Logger } from '@parley/telemetry/logger';
import type { Access } from './access/visitor.ts';
import type { GatewayConfig } from './config.ts';
import type { FollowedCluster } from './live-cluster.ts';
import type { MemberBoard } from './member-board.ts';
import type { PrincipalDirectory } from './principal-directory.ts';
import type { SlowReaders } from './slow-readers.ts';
import type { StartUp } from './start-up.ts';
import type { UsageBoard } from './usage-board.ts';

/** What routes use of the way to the bus. */
export type GatewayLink = Pick<
  OperatorLink,
  'cluster' | 'operator' | 'call' | 'callLeader' | 'onUsage' | 'source' | 'streams'
>;

/** Whoever makes one, tests of whole pages too, is asked by the compiler for each field. */
export type GatewayContext = {
  readonly config: GatewayConfig;
  readonly link: GatewayLink;
  readonly live: FollowedCluster;
  readonly members: Pick<MemberBoard, 'masters' | 'gateways'>;
  readonly usage: UsageBoard;
  readonly principals: PrincipalDirectory;
  readonly access: Access;
  readonly startUp: StartUp;
  readonly slowReaders: SlowReaders;
  readonly logger: Logger;
  /** Never goes back, in milliseconds. */
  readonly nowMs: () => number;
};
