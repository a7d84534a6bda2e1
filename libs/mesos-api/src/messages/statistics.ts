// Owns what is measured of a container. Mesos's figures of perf, blkio and SNMP are left out: nothing here measures them.
import { message, optional, optionals, repeated, required } from '../message-type.ts';
import { DiskPersistence, DiskSource } from './resource.ts';

const DiskStatistics = message({
  source: optional(1, DiskSource),
  persistence: optional(2, DiskPersistence),
  ...optionals('uint64', { limit_bytes: 3, used_bytes: 4 }),
});

const TrafficControlStatistics = message({
  id: required(1, 'string'),
  ...optionals('uint64', {
    backlog: 2,
    bytes: 3,
    drops: 4,
    overlimits: 5,
    packets: 6,
    qlen: 7,
    ratebps: 8,
    ratepps: 9,
    requeues: 10,
  }),
});

export const ResourceStatistics = message({
  timestamp: required(1, 'double'),
  ...optionals('uint32', {
    processes: 30,
    threads: 31,
    cpus_nr_periods: 7,
    cpus_nr_throttled: 8,
  }),
  ...optionals('double', {
    cpus_user_time_secs: 2,
    cpus_system_time_secs: 3,
    cpus_limit: 4,
    cpus_soft_limit: 45,
    cpus_throttled_time_secs: 9,
    net_tcp_rtt_microsecs_p50: 22,
    net_tcp_rtt_microsecs_p90: 23,
    net_tcp_rtt_microsecs_p95: 24,
    net_tcp_rtt_microsecs_p99: 25,
    net_tcp_active_connections: 28,
    net_tcp_time_wait_connections: 29,
  }),
  ...optionals('uint64', {
    mem_total_bytes: 36,
    mem_total_memsw_bytes: 37,
    mem_limit_bytes: 6,
    mem_soft_limit_bytes: 38,
    mem_file_bytes: 10,
    mem_anon_bytes: 11,
    mem_cache_bytes: 39,
    mem_rss_bytes: 5,
    mem_mapped_file_bytes: 12,
    mem_swap_bytes: 40,
    mem_unevictable_bytes: 41,
    mem_low_pressure_counter: 32,
    mem_medium_pressure_counter: 33,
    mem_critical_pressure_counter: 34,
    disk_limit_bytes: 26,
    disk_used_bytes: 27,
    net_rx_packets: 14,
    net_rx_bytes: 15,
    net_rx_errors: 16,
    net_rx_dropped: 17,
    net_tx_packets: 18,
    net_tx_bytes: 19,
    net_tx_errors: 20,
    net_tx_dropped: 21,
  }),
  disk_statistics: repeated(43, DiskStatistics),
  net_traffic_control_statistics: repeated(35, TrafficControlStatistics),
});
