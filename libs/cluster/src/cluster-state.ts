// Owns the whole state of the master: its tables and what is derived from them.
// Tables are changed only by the files that own their concept, always together with the books.
import { Books } from './books.ts';
import { Deadlines } from './deadlines.ts';
import { EntityTable } from './entity-table.ts';
import { EventSpans } from './event-spans.ts';
import { ExecutorTasks } from './executor-tasks.ts';
import { FactMarks } from './fact-marks.ts';
import { Fifo } from './fifo.ts';
import type { InverseOfferRecord, MaintenanceRecord } from './maintenance-records.ts';
import { RecentFacts } from './recent-facts.ts';
import type {
  AgentRecord,
  AnswerRecord,
  CardRecord,
  ClusterRecord,
  EndedTaskRecord,
  ExecutorRecord,
  FrameworkEventRecord,
  FrameworkRecord,
  FrameworkSettingsRecord,
  OfferRecord,
  OrderRecord,
  ReservationRecord,
  RevocationRecord,
  RoleSettingsRecord,
  SessionRecord,
  StreamRecord,
  TaskRecord,
  TombstoneRecord,
  UnwrittenRecord,
} from './records.ts';
import { RequestIndex } from './request-index.ts';
import { RevocationIndex } from './revocation-index.ts';
import { OLDEST_RULES } from './rules.ts';
import { SortedKeys } from './sorted-keys.ts';

export const CLUSTER = 'cluster';

export class ClusterState {
  readonly cluster = new EntityTable<ClusterRecord>('cluster');
  readonly agents = new EntityTable<AgentRecord>('agents');
  readonly frameworks = new EntityTable<FrameworkRecord>('frameworks');
  readonly offers = new EntityTable<OfferRecord>('offers');
  readonly tasks = new EntityTable<TaskRecord>('tasks');
  readonly reservations = new EntityTable<ReservationRecord>('reservations');
  readonly roleSettings = new EntityTable<RoleSettingsRecord>('roleSettings');
  readonly frameworkSettings = new EntityTable<FrameworkSettingsRecord>('frameworkSettings');
  readonly executors = new EntityTable<ExecutorRecord>('executors');
  readonly frameworkEvents = new EntityTable<FrameworkEventRecord>('frameworkEvents');
  readonly cards = new EntityTable<CardRecord>('cards');
  readonly ended = new EntityTable<EndedTaskRecord>('ended');
  readonly revocations = new EntityTable<RevocationRecord>('revocations');
  readonly orders = new EntityTable<OrderRecord>('orders');
  readonly unwritten = new EntityTable<UnwrittenRecord>('unwritten');
  readonly sessions = new EntityTable<SessionRecord>('sessions');
  readonly answers = new EntityTable<AnswerRecord>('answers');
  readonly tombstones = new EntityTable<TombstoneRecord>('tombstones');
  readonly streams = new EntityTable<StreamRecord>('streams');

  /** Tables that releases did not always have: an empty one counts for nothing in the state's hash. */
  readonly maintenance = new EntityTable<MaintenanceRecord>('maintenance');
  readonly inverseOffers = new EntityTable<InverseOfferRecord>('inverseOffers');

  /** Derived from the tables; see there. */
  readonly books = new Books();
  readonly requests = new RequestIndex();
  readonly deadlines = new Deadlines();
  readonly eventSpans = new EventSpans();
  readonly executorTasks = new ExecutorTasks();
  readonly revocationIndex = new RevocationIndex();
  /** Keys of live tasks in their order. */
  readonly taskOrder = new SortedKeys();
  /** Agents that are gone, those first that were declared so first. */
  readonly goneAgents = new SortedKeys();
  readonly unwrittenByTask = new Map<string, Set<string>>();
  readonly tombstoneQueue = new Fifo<string>();

  /** Of the entries stepped last, by this replica: no table, not in the hash, in no snapshot. */
  readonly recentFacts = new RecentFacts();

  /** What the entry that is being stepped has changed; empty between entries. */
  readonly marks = new FactMarks();

  get record(): ClusterRecord {
    const record = this.cluster.get(CLUSTER);
    if (record === undefined) throw new Error('a state without its cluster record');
    return record;
  }

  /** The rules that hold: of the entry that is being stepped, or of the last one. */
  get rulesVersion(): number {
    return this.record.rulesVersion ?? OLDEST_RULES;
  }

  change(patch: Partial<ClusterRecord>): void {
    this.cluster.put(CLUSTER, { ...this.record, ...patch });
  }

  get tables(): readonly EntityTable<object>[] {
    return [
      this.cluster,
      this.agents,
      this.frameworks,
      this.offers,
      this.tasks,
      this.reservations,
      this.roleSettings,
      this.frameworkSettings,
      this.executors,
      this.frameworkEvents,
      this.cards,
      this.ended,
      this.revocations,
      this.orders,
      this.unwritten,
      this.sessions,
      this.answers,
      this.tombstones,
      this.streams,
      ...this.laterTables,
    ];
  }

  get laterTables(): readonly EntityTable<object>[] {
    return [this.maintenance, this.inverseOffers];
  }
}
