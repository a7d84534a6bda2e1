// Owns the table of what the services measure: each family's name, type, help and labels stand here and nowhere else. The
// registries, the reference page, the dashboard and the alert rules are made of it. Names are as Prometheus wants them:
// base units, `_total` on counters. Labels are bounded: kinds, states, names of frameworks, never ids of tasks.

export type MetricService = 'master' | 'allocator' | 'agent' | 'gateway';

export type MetricFamily = {
  readonly services: readonly MetricService[];
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** A sentence without its stop. */
  readonly help: string;
  readonly labels?: readonly string[];
  /** Of a histogram: upper bounds. */
  readonly buckets?: readonly number[];
};

/** From a fraction of a millisecond to what somebody notices. */
const FAST_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;
const SLOW_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800] as const;
/** To a day. */
const JOB_SECONDS = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 14_400, 86_400] as const;
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576] as const;

const family = <Family extends MetricFamily>(given: Family): Family => given;

export const METRIC_FAMILIES = {
  parley_master_leader: family({
    services: ['master'],
    type: 'gauge',
    help: '1 while this master leads, 0 while it stands by',
  }),
  parley_master_journal_sequence: family({
    services: ['master'],
    type: 'gauge',
    help: 'Number of the last journal entry that this master has stepped',
  }),
  parley_master_waiting_inputs: family({
    services: ['master'],
    type: 'gauge',
    help: 'Inputs that wait for the journal, and messages that the master has not looked at yet',
  }),
  parley_master_inputs_total: family({
    services: ['master'],
    type: 'counter',
    help: 'Inputs given to the journal, by kind',
    labels: ['kind'],
  }),
  parley_master_journal_appends_total: family({
    services: ['master'],
    type: 'counter',
    help: 'Answers of the journal to appends: committed, refused, diskFull or unknown',
    labels: ['outcome'],
  }),
  parley_master_journal_append_seconds: family({
    services: ['master'],
    type: 'histogram',
    help: 'From an append to its answer',
    buckets: FAST_SECONDS,
  }),
  parley_master_journal_entry_bytes: family({
    services: ['master'],
    type: 'histogram',
    help: 'Size of a journal entry, which holds one input or many',
    buckets: BYTES,
  }),
  parley_master_offers_total: family({
    services: ['master'],
    type: 'counter',
    help: 'Offers by what became of them: made, accepted, declined or rescinded',
    labels: ['outcome'],
  }),
  parley_master_task_changes_total: family({
    services: ['master'],
    type: 'counter',
    help: 'Changes of the states of tasks, by the new state and why (none where nothing went wrong)',
    labels: ['state', 'reason'],
  }),
  parley_cluster_tasks: family({
    services: ['master'],
    type: 'gauge',
    help: 'Tasks in the books that have not ended, by state; told by the master that leads',
    labels: ['state'],
  }),
  parley_cluster_agents: family({
    services: ['master'],
    type: 'gauge',
    help: 'Agents by state; told by the master that leads',
    labels: ['state'],
  }),
  parley_cluster_frameworks: family({
    services: ['master'],
    type: 'gauge',
    help: 'Frameworks by state; told by the master that leads',
    labels: ['state'],
  }),
  parley_cluster_outstanding_offers: family({
    services: ['master'],
    type: 'gauge',
    help: 'Offers that are not answered yet; told by the master that leads',
  }),
  parley_cluster_capacity: family({
    services: ['master'],
    type: 'gauge',
    help: 'What the registered agents have, by resource: cpus, MiB of mem and disk, gpus ...; told by the master that leads',
    labels: ['resource'],
  }),
  parley_cluster_allocated: family({
    services: ['master'],
    type: 'gauge',
    help: 'What tasks and executors hold of the capacity, by resource; told by the master that leads',
    labels: ['resource'],
  }),
  parley_cluster_offered: family({
    services: ['master'],
    type: 'gauge',
    help: 'What outstanding offers hold of the capacity, by resource; told by the master that leads',
    labels: ['resource'],
  }),
  parley_allocator_leader: family({
    services: ['allocator'],
    type: 'gauge',
    help: '1 while this allocator leads, 0 while it stands by',
  }),
  parley_allocator_in_step: family({
    services: ['allocator'],
    type: 'gauge',
    help: '1 while this allocator leads and knows all that the master has said',
  }),
  parley_allocator_run_seconds: family({
    services: ['allocator'],
    type: 'histogram',
    help: 'Time that one run of the allocator takes',
    buckets: FAST_SECONDS,
  }),
  parley_allocator_facts_total: family({
    services: ['allocator'],
    type: 'counter',
    help: 'Messages of facts heard from the master',
  }),
  parley_allocator_proposals_total: family({
    services: ['allocator'],
    type: 'counter',
    help: 'Offers proposed to the master',
  }),
  parley_allocator_revocations_total: family({
    services: ['allocator'],
    type: 'counter',
    help: 'Tasks that the master was asked to take back, or to leave after all (calledOff)',
    labels: ['kind'],
  }),
  parley_allocator_dropped_messages_total: family({
    services: ['allocator'],
    type: 'counter',
    help: 'Messages that did not parse',
  }),
  parley_agent_connected: family({
    services: ['agent'],
    type: 'gauge',
    help: '1 while this agent has the bus',
  }),
  parley_agent_tasks: family({
    services: ['agent'],
    type: 'gauge',
    help: 'Tasks that this agent keeps a record of, by state',
    labels: ['state'],
  }),
  parley_agent_launches_total: family({
    services: ['agent'],
    type: 'counter',
    help: 'Launches of tasks',
  }),
  parley_agent_launch_seconds: family({
    services: ['agent'],
    type: 'histogram',
    help: 'From a launch to the answer of the host that the task runs or cannot',
    buckets: SLOW_SECONDS,
  }),
  parley_agent_tasks_ended_total: family({
    services: ['agent'],
    type: 'counter',
    help: 'Tasks that came to an end here, by state',
    labels: ['state'],
  }),
  parley_agent_cpu_used_cores: family({
    services: ['agent'],
    type: 'gauge',
    help: 'Cores that tasks and executors used at the last measurement; nothing with plain processes',
  }),
  parley_agent_memory_used_bytes: family({
    services: ['agent'],
    type: 'gauge',
    help: 'Memory that tasks and executors used at the last measurement; nothing with plain processes',
  }),
  parley_gateway_requests_total: family({
    services: ['gateway'],
    type: 'counter',
    help: 'Requests answered, by route (none: no such path) and status',
    labels: ['route', 'status'],
  }),
  parley_gateway_open_requests: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'Requests that are not answered to their end, streams among them',
  }),
  parley_gateway_slow_readers_ended_total: family({
    services: ['gateway'],
    type: 'counter',
    help: 'Streams that were ended because all that wait for their readers was too much together, and theirs the most; by stream',
    labels: ['stream'],
  }),
  parley_gateway_unread_bytes: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'What waits in memory for those that read streams of events: of Mesos, executors among them, and live feeds',
  }),
  parley_gateway_staleness_seconds: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'How old what this gateway knows may be; 0 for less than a second, as while it follows the journal',
  }),
  parley_gateway_journal_sequence: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'Number of the last journal entry that this gateway has stepped',
  }),
  parley_cluster_utilisation: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'Allocated / capacity, by resource, weighted by time over the life of the cluster: 0 to 1',
    labels: ['resource'],
  }),
  parley_framework_dominant_share: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'The largest of its shares of the resources of the cluster, by framework: 0 to 1',
    labels: ['principal', 'framework', 'resource'],
  }),
  parley_framework_outstanding_offers: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'Offers that the framework has not answered yet',
    labels: ['principal', 'framework'],
  }),
  parley_framework_demanded_tasks: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'Tasks that the framework says it could launch now',
    labels: ['principal', 'framework'],
  }),
  parley_framework_offers_total: family({
    services: ['gateway'],
    type: 'counter',
    help: 'Offers to the framework by what became of them: made, accepted, declined or rescinded; since the gateway started; all beyond its first 200 frameworks under the name other',
    labels: ['principal', 'framework', 'outcome'],
  }),
  parley_framework_tasks_ended_total: family({
    services: ['gateway'],
    type: 'counter',
    help: 'Tasks of the framework that came to an end, by state; likewise',
    labels: ['principal', 'framework', 'state'],
  }),
  parley_framework_last_job_completion_seconds: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'From the first subscription of a framework to the last status update of its tasks, of the one of this name that ended last; of the 200 names that ended last, since the gateway started',
    labels: ['principal', 'framework'],
  }),
  parley_framework_job_completion_seconds: family({
    services: ['gateway'],
    type: 'histogram',
    help: 'The same, of all frameworks that ended since the gateway started',
    buckets: JOB_SECONDS,
  }),
  parley_framework_last_ramp_up_seconds: family({
    services: ['gateway'],
    type: 'gauge',
    help: 'From the demand of a framework to holding its fair share, or all that it demands, of the one of this name that came to it last; of the 200 names that did so last, since the gateway started',
    labels: ['principal', 'framework'],
  }),
  parley_framework_ramp_up_seconds: family({
    services: ['gateway'],
    type: 'histogram',
    help: 'From the demand of a framework to holding its fair share, or all that it demands; since the gateway started',
    buckets: SLOW_SECONDS,
  }),
} as const;

export type MetricName = keyof typeof METRIC_FAMILIES;
type NameOf<Type extends MetricFamily['type']> = {
  [Name in MetricName]: (typeof METRIC_FAMILIES)[Name]['type'] extends Type ? Name : never;
}[MetricName];
export type CounterName = NameOf<'counter'>;
export type GaugeName = NameOf<'gauge'>;
export type HistogramName = NameOf<'histogram'>;

export const METRIC_NAMES = Object.keys(METRIC_FAMILIES) as MetricName[];

export const familyOf = (name: MetricName): MetricFamily => METRIC_FAMILIES[name];
