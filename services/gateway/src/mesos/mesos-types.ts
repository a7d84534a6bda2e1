// Owns the shapes of Mesos's scheduler interface as far as they are read and written here. The codec (@parley/mesos-api)
// checks types and required fields; what is optional there is optional here. Types only.

/** A 64-bit integer as the codec reads it. */
export type Int64 = number | bigint;
export type Bytes = Uint8Array<ArrayBuffer>;
export type Value = { readonly value: string };
export type Label = { readonly key: string; readonly value?: string };
export type Labels = { readonly labels?: readonly Label[] };
export type Range = { readonly begin: Int64; readonly end: Int64 };

export type Reservation = {
  readonly type?: string;
  readonly role?: string;
  readonly principal?: string;
  readonly labels?: Labels;
};

export type Disk = {
  readonly persistence?: { readonly id: string; readonly principal?: string };
  readonly volume?: Volume;
  readonly source?: object;
};

export type Resource = {
  readonly name: string;
  readonly type: string;
  readonly scalar?: { readonly value: number };
  readonly ranges?: { readonly range?: readonly Range[] };
  readonly set?: { readonly item?: readonly string[] };
  readonly role?: string;
  readonly allocation_info?: { readonly role?: string };
  readonly reservation?: Omit<Reservation, 'type' | 'role'>;
  readonly reservations?: readonly Reservation[];
  readonly disk?: Disk;
  readonly revocable?: object;
  readonly shared?: object;
  readonly provider_id?: Value;
};

export type Volume = {
  readonly mode: string;
  readonly container_path: string;
  readonly host_path?: string;
  readonly image?: object;
  readonly source?: { readonly type?: string; readonly host_path?: { readonly path: string } };
};

export type Variable = {
  readonly name: string;
  readonly type?: string;
  readonly value?: string;
  readonly secret?: object;
};

export type CommandUri = {
  readonly value: string;
  readonly executable?: boolean;
  readonly extract?: boolean;
  readonly cache?: boolean;
  readonly output_file?: string;
};

export type CommandInfo = {
  readonly value?: string;
  readonly shell?: boolean;
  readonly arguments?: readonly string[];
  readonly uris?: readonly CommandUri[];
  readonly environment?: { readonly variables?: readonly Variable[] };
  readonly user?: string;
};

type Duration = { readonly nanoseconds: Int64 };

export type HttpProbe = {
  readonly port: Int64;
  readonly path?: string;
  readonly scheme?: string;
  readonly statuses?: readonly number[];
  readonly protocol?: string;
};

export type CheckInfo = {
  readonly type?: string;
  readonly delay_seconds?: number;
  readonly interval_seconds?: number;
  readonly timeout_seconds?: number;
  readonly command?: { readonly command: CommandInfo };
  readonly http?: HttpProbe;
  readonly tcp?: { readonly port: Int64; readonly protocol?: string };
};

export type HealthCheck = Omit<CheckInfo, 'command'> & {
  readonly command?: CommandInfo;
  readonly consecutive_failures?: Int64;
  readonly grace_period_seconds?: number;
};

export type ContainerInfo = {
  readonly type: string;
  readonly volumes?: readonly Volume[];
  readonly hostname?: string;
  readonly mesos?: { readonly image?: object };
  readonly docker?: object;
  readonly network_infos?: readonly object[];
  readonly linux_info?: object;
  readonly rlimit_info?: object;
  readonly tty_info?: object;
};

export type ExecutorInfo = {
  readonly type?: string;
  readonly executor_id: Value;
  readonly framework_id?: Value;
  readonly command?: CommandInfo;
  readonly container?: ContainerInfo;
  readonly resources?: readonly Resource[];
  readonly name?: string;
  readonly data?: Bytes;
  readonly shutdown_grace_period?: Duration;
  readonly labels?: Labels;
};

export type TaskInfo = {
  readonly name: string;
  readonly task_id: Value;
  readonly agent_id: Value;
  readonly resources?: readonly Resource[];
  readonly executor?: ExecutorInfo;
  readonly command?: CommandInfo;
  readonly container?: ContainerInfo;
  readonly health_check?: HealthCheck;
  readonly check?: CheckInfo;
  readonly kill_policy?: { readonly grace_period?: Duration };
  readonly data?: Bytes;
  readonly labels?: Labels;
  readonly discovery?: object;
  readonly max_completion_time?: Duration;
  readonly limits?: Readonly<Record<string, { readonly value: number }>>;
};

export type MesosOperation = {
  readonly type?: string;
  readonly id?: Value;
  readonly launch?: { readonly task_infos?: readonly TaskInfo[] };
  readonly launch_group?: {
    readonly executor: ExecutorInfo;
    readonly task_group: { readonly tasks?: readonly TaskInfo[] };
  };
  readonly reserve?: {
    readonly source?: readonly Resource[];
    readonly resources?: readonly Resource[];
  };
  readonly unreserve?: { readonly resources?: readonly Resource[] };
  readonly create?: { readonly volumes?: readonly Resource[] };
  readonly destroy?: { readonly volumes?: readonly Resource[] };
};

export type FrameworkInfo = {
  readonly user: string;
  readonly name: string;
  readonly id?: Value;
  readonly failover_timeout?: number;
  readonly checkpoint?: boolean;
  readonly role?: string;
  readonly roles?: readonly string[];
  readonly hostname?: string;
  readonly principal?: string;
  readonly webui_url?: string;
  readonly capabilities?: readonly { readonly type?: string }[];
  readonly labels?: Labels;
  /** By role. */
  readonly offer_filters?: Readonly<
    Record<
      string,
      { readonly min_allocatable_resources?: { readonly quantities?: readonly Quantities[] } }
    >
  >;
};

type Filters = { readonly refuse_seconds?: number };
type InverseAnswer = { readonly inverse_offer_ids?: readonly Value[]; readonly filters?: Filters };
type Quantities = { readonly quantities?: Readonly<Record<string, { readonly value: number }>> };
type Text = { readonly value: string };
type Pattern = { readonly regex: string };
type AttributeConstraint = {
  readonly selector: { readonly attribute_name?: string; readonly pseudoattribute_type?: string };
  readonly predicate: {
    readonly exists?: object;
    readonly not_exists?: object;
    readonly text_equals?: Text;
    readonly text_not_equals?: Text;
    readonly text_matches?: Pattern;
    readonly text_not_matches?: Pattern;
  };
};
type RoleConstraints = {
  readonly groups?: readonly { readonly attribute_constraints?: readonly AttributeConstraint[] }[];
};
export type Subscription = {
  readonly framework_info: FrameworkInfo;
  readonly suppressed_roles?: readonly string[];
  readonly offer_constraints?: {
    readonly role_constraints?: Readonly<Record<string, RoleConstraints>>;
  };
};
export type AskedTask = { readonly task_id: Value; readonly agent_id?: Value };

export type Call = {
  readonly framework_id?: Value;
  readonly type?: string;
  readonly subscribe?: Subscription;
  readonly accept?: {
    readonly offer_ids?: readonly Value[];
    readonly operations?: readonly MesosOperation[];
    readonly filters?: Filters;
  };
  readonly decline?: { readonly offer_ids?: readonly Value[]; readonly filters?: Filters };
  readonly accept_inverse_offers?: InverseAnswer;
  readonly decline_inverse_offers?: InverseAnswer;
  readonly revive?: { readonly roles?: readonly string[] };
  readonly suppress?: { readonly roles?: readonly string[] };
  readonly kill?: {
    readonly task_id: Value;
    readonly agent_id?: Value;
    readonly kill_policy?: { readonly grace_period?: Duration };
  };
  readonly shutdown?: { readonly executor_id: Value; readonly agent_id: Value };
  readonly acknowledge?: {
    readonly agent_id: Value;
    readonly task_id: Value;
    readonly uuid: Bytes;
  };
  readonly acknowledge_operation_status?: {
    readonly agent_id?: Value;
    readonly uuid: Bytes;
    readonly operation_id: Value;
  };
  readonly reconcile?: { readonly tasks?: readonly AskedTask[] };
  readonly reconcile_operations?: {
    readonly operations?: readonly { readonly operation_id: Value; readonly agent_id?: Value }[];
  };
  readonly message?: {
    readonly agent_id: Value;
    readonly executor_id: Value;
    readonly data: Bytes;
  };
  readonly request?: object;
  readonly update_framework?: Subscription;
};

/** As it goes to the codec. */
export type Event = { readonly type: string; readonly [body: string]: unknown };
