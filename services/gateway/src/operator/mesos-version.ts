// Owns the version of Mesos whose interface this is; clients read three whole numbers out of it.
export const MESOS_VERSION = '1.11.0';
