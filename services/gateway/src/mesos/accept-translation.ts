// Owns what the operations of Mesos's ACCEPT are here: those that can be carried out, in order, and what is to be told of the
// others. One bad task leaves the others of its launch alone, and takes all of its group with it, as in Mesos. Pure.
import type { AgentId, VolumeId } from '@parley/protocol/ids';
import { type Offer, Operation, type OperationInput } from '@parley/protocol/offers';
import { TaskDescription } from '@parley/protocol/tasks';
import { type LaunchPlace, ownExecutor, ownTask } from './launch-translation.ts';
import type { MesosOperation, Resource, TaskInfo } from './mesos-types.ts';
import { Untranslatable } from './mesos-values.ts';
import { namedVolume, ownVolumeId } from './reservation-identity.ts';
import { type AskedVolume, askedResources, reservedResources } from './resource-translation.ts';

export type RejectedTask = {
  readonly task: TaskInfo;
  readonly reason: 'REASON_TASK_INVALID' | 'REASON_TASK_GROUP_INVALID';
  readonly message: string;
};

/** What the framework hears of an operation that it gave an id; several of ours may be one of its. */
export type MesosStep = {
  readonly operation: MesosOperation;
  /** Places in `operations`. */
  readonly indexes: readonly number[];
  /** Why it could not be told. */
  readonly fault: string | undefined;
};

export type TranslatedAccept = {
  readonly operations: readonly OperationInput[];
  readonly rejected: readonly RejectedTask[];
  /** Operations other than launches. */
  readonly steps: readonly MesosStep[];
};

export type AcceptPlace = {
  readonly mesosFrameworkId: string;
  readonly checkpoint: boolean;
  readonly agentId: AgentId;
  readonly offers: readonly Offer[];
};

export const isLaunch = ({ type }: MesosOperation): boolean =>
  type === 'LAUNCH' || type === 'LAUNCH_GROUP';

export const tasksOf = ({ launch, launch_group }: MesosOperation): readonly TaskInfo[] =>
  launch?.task_infos ?? launch_group?.task_group.tasks ?? [];

export function translateAccept(
  operations: readonly MesosOperation[],
  place: AcceptPlace,
): TranslatedAccept {
  const translation = new AcceptTranslation(place);
  for (const operation of operations) translation.add(operation);
  return translation;
}

class AcceptTranslation implements TranslatedAccept {
  readonly operations: OperationInput[] = [];
  readonly rejected: RejectedTask[] = [];
  readonly steps: MesosStep[] = [];
  readonly #place: LaunchPlace;
  readonly #agentId: AgentId;
  readonly #role: string | undefined;
  /** By the id that Mesos has, as offered or as made in this accept. */
  readonly #volumes = new Map<string, VolumeId>();

  constructor({ mesosFrameworkId, checkpoint, agentId, offers }: AcceptPlace) {
    this.#agentId = agentId;
    this.#role = offers[0]?.role;
    this.#place = {
      ...{ mesosFrameworkId, checkpoint, agentId },
      volumeIdOf: (volume) => this.#volumeIdOf(volume),
    };
    for (const { volumes } of offers.flatMap(({ reservations }) => reservations)) {
      for (const { volumeId } of volumes) {
        this.#volumes.set(namedVolume(volumeId).persistenceId, volumeId);
      }
    }
  }

  add(operation: MesosOperation): void {
    if (operation.type === 'LAUNCH') this.#launch(operation);
    else if (operation.type === 'LAUNCH_GROUP') this.#launchGroup(operation);
    else this.#change(operation);
  }

  #launch(operation: MesosOperation): void {
    const tasks: TaskDescription[] = [];
    for (const task of tasksOf(operation)) {
      const own = attempt(() => {
        refuseId(operation);
        return parsed(TaskDescription, ownTask(task, this.#place));
      });
      if (own.fault === undefined) tasks.push(own.value);
      else this.rejected.push({ task, reason: 'REASON_TASK_INVALID', message: own.fault });
    }
    if (tasks.length > 0) this.#push({ kind: 'launch', tasks });
  }

  #launchGroup(operation: MesosOperation): void {
    const { launch_group } = operation;
    if (launch_group === undefined) return;
    const own = attempt((): OperationInput => {
      refuseId(operation);
      const tasks = tasksOf(operation).map((task) =>
        parsed(TaskDescription, ownTask(task, this.#place)),
      );
      const executor = ownExecutor(launch_group.executor, this.#place);
      const { agentId } = this.#place;
      return parsed(Operation, { kind: 'launchGroup', agentId, executor, tasks });
    });
    if (own.fault === undefined) {
      this.operations.push(own.value);
      return;
    }
    const { fault: message } = own;
    for (const task of tasksOf(operation)) {
      this.rejected.push({ task, reason: 'REASON_TASK_GROUP_INVALID', message });
    }
  }

  /** All parts of one of Mesos's operations or none. */
  #change(operation: MesosOperation): void {
    const own = attempt(() => this.#changesOf(operation).map((one) => parsed(Operation, one)));
    if (own.fault === undefined) {
      const from = this.operations.length;
      this.operations.push(...own.value);
      const indexes = own.value.map((_, place) => from + place);
      this.steps.push({ operation, indexes, fault: undefined });
    } else this.steps.push({ operation, indexes: [], fault: own.fault });
  }

  #changesOf(operation: MesosOperation): OperationInput[] {
    const agentId = this.#agentId;
    switch (operation.type) {
      case 'RESERVE':
        if ((operation.reserve?.source ?? []).length > 0) {
          throw new Untranslatable('reserve.source: a reservation is not handed on');
        }
        return reservedResources(operation.reserve?.resources, 'reserve.resources').map(
          ({ reservation: { reservationId, labels, role }, resources }) => {
            if (role !== this.#role) {
              throw new Untranslatable(
                `reserve.resources: the offers are of the role ${this.#role}`,
              );
            }
            return { kind: 'reserve', agentId, reservationId, resources, labels };
          },
        );
      case 'UNRESERVE':
        return reservedResources(operation.unreserve?.resources, 'unreserve.resources').map(
          ({ reservation: { reservationId }, resources }) => {
            return { kind: 'unreserve', agentId, reservationId, resources };
          },
        );
      case 'CREATE':
        return volumesOf(operation.create?.volumes, 'create.volumes').map((volume) =>
          this.#creation(volume),
        );
      case 'DESTROY':
        return volumesOf(operation.destroy?.volumes, 'destroy.volumes').map((volume) => {
          return { kind: 'destroyVolume', agentId, volumeId: this.#volumeIdOf(volume) };
        });
      default:
        throw new Untranslatable(`${operation.type ?? 'UNKNOWN'}: agents cannot do that`);
    }
  }

  #creation(volume: AskedVolume): OperationInput {
    const { reservation, mib } = volume;
    if (reservation === undefined) {
      throw new Untranslatable('create.volumes: a volume is made of reserved disk');
    }
    const volumeId = ownVolumeId(volume);
    this.#volumes.set(volume.persistenceId, volumeId);
    const { reservationId } = reservation;
    return { kind: 'createVolume', agentId: this.#agentId, reservationId, volumeId, mib };
  }

  #volumeIdOf(volume: AskedVolume): VolumeId {
    return this.#volumes.get(volume.persistenceId) ?? ownVolumeId(volume);
  }

  #push(operation: Extract<OperationInput, { kind: 'launch' }>): void {
    this.operations.push({ ...operation, agentId: this.#agentId });
  }
}

function volumesOf(list: readonly Resource[] | undefined, field: string): readonly AskedVolume[] {
  const { volumes, resources } = askedResources(list, field);
  if (volumes.length === list?.length && Object.keys(resources.scalars).length === 0) {
    return volumes;
  }
  throw new Untranslatable(`${field}: each must be disk with a persistence`);
}

/** Launches are told by updates of their tasks, not by the state of an operation. */
function refuseId({ id }: MesosOperation): void {
  if (id !== undefined) throw new Untranslatable('operation.id: a launch has none');
}

type Schema<T> = {
  safeParse(value: unknown):
    | { readonly success: true; readonly data: T }
    | {
        readonly success: false;
        readonly error: {
          readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[];
        };
      };
};

/** As the master would find it, told here so that what else is launched is not held up. */
function parsed<T>(schema: Schema<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Untranslatable(`${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`);
}

type Attempt<T> = { readonly value: T; readonly fault?: undefined } | { readonly fault: string };

function attempt<T>(run: () => T): Attempt<T> {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof Untranslatable) return { fault: error.message };
    throw error;
  }
}
