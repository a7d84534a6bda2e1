// Owns the tasks of one simulated host that are commands, apart from the agent's process: what is on the disk about tasks
// of any kind, and the processes of commands. What the agent asks of it is carried out even when the agent dies meanwhile.
import type { RecoveredTask, SupervisorEffect } from '@parley/agent/supervisor-messages';
import type { ObservedOutcome } from '@parley/agent/task-outcome';
import type { TaskRecord } from '@parley/agent/task-record';
import type { CheckResult, Probe } from '@parley/protocol/checks';
import type { TaskKey } from '@parley/protocol/ids';
import type { TaskDescription } from '@parley/protocol/tasks';
import { unreachable } from '@parley/protocol/unreachable';
import type { AgentOfHost } from './agent-of-host.ts';

type EffectOf<Kind extends SupervisorEffect['kind']> = Extract<
  SupervisorEffect,
  { readonly kind: Kind }
>;
export type HostEffect = EffectOf<
  'persist' | 'forget' | 'copyInputs' | 'launch' | 'stop' | 'probe' | 'copyOutputs'
>;

type HostTask = { outcome: ObservedOutcome; ignoresTerm: boolean; isSick: boolean };

export class CommandHost {
  readonly #agent: AgentOfHost;
  readonly #disk = new Map<TaskKey, TaskRecord>();
  readonly #tasks = new Map<TaskKey, HostTask>();
  /** Of the agent's present process, per task: the revision on the disk. */
  readonly #kept = new Map<TaskKey, number>();
  #boots = 0;

  constructor(agent: AgentOfHost) {
    this.#agent = agent;
  }

  get recordCount(): number {
    return this.#disk.size;
  }

  runningTasks(): TaskKey[] {
    return [...this.#tasks]
      .filter(([, { outcome }]) => outcome.state === 'running')
      .map(([key]) => key);
  }

  /** What the agent's process finds when it starts. */
  recovered(): RecoveredTask[] {
    this.#kept.clear();
    return [...this.#disk].map(([key, record]) => {
      return { record, outcome: this.#tasks.get(key)?.outcome ?? { state: 'notStarted' } };
    });
  }

  /** The machine restarts, and nobody saw how anything ended. */
  reboot(): void {
    this.#boots += 1;
    for (const key of this.runningTasks()) this.#end(key, { state: 'unknown' });
  }

  carryOut(effect: HostEffect): void {
    const { after, random, tell } = this.#agent;
    const { task } = effect;
    switch (effect.kind) {
      case 'persist':
        after(random.between(0, 2), () => {
          this.#keep(effect);
          tell({ kind: 'recorded', task, revision: effect.revision });
        });
        break;
      case 'forget':
        after(random.between(3, 4), () => {
          this.#disk.delete(task);
          this.#kept.delete(task);
          this.#tasks.delete(task);
        });
        break;
      case 'copyInputs':
        after(random.between(0, 1500), () => tell({ kind: 'inputsCopied', task }));
        break;
      case 'launch':
        this.#launch(effect);
        break;
      case 'stop':
        this.#stop(effect);
        break;
      case 'probe':
        this.#probe(effect);
        break;
      case 'copyOutputs':
        after(random.between(0, 50), () => tell({ kind: 'outputsCopied', task }));
        break;
      default:
        unreachable(effect);
    }
  }

  /** The disk takes the writes of a task in turn: an older one never replaces a newer one. */
  #keep({ task, revision, record }: EffectOf<'persist'>): void {
    if (revision < (this.#kept.get(task) ?? 0)) return;
    this.#kept.set(task, revision);
    this.#disk.set(task, record);
  }

  /** The launching process was spawned: it does its work also when the agent's process dies meanwhile. */
  #launch({ task, description }: EffectOf<'launch'>): void {
    const boot = this.#boots;
    this.#agent.world.clock.after(this.#agent.random.between(0, 20), () => {
      if (boot !== this.#boots) return;
      this.#start(task, description);
      this.#agent.tell({ kind: 'launched', task });
    });
  }

  /** As the shim: the marker is made first, and a second start finds it and does nothing. */
  #start(key: TaskKey, { command, volumes }: TaskDescription): void {
    if (this.#tasks.has(key)) return;
    const { world, agentId } = this.#agent;
    const { argv = [] } = command ?? {};
    const role = this.#disk.get(key)?.role;
    const used = volumes.map(({ volumeId }) => `${role}/${volumeId}`);
    world.started(key, agentId, used);
    this.#tasks.set(key, {
      outcome: { state: 'running' },
      ignoresTerm: argv.includes('stubborn'),
      isSick: argv.includes('sick'),
    });
    this.#agent.checkRoom();
    if (argv[0] === 'lasts') return;
    const durationMs = Number(argv[1]);
    const code = argv[0] === 'fails' ? 1 : 0;
    world.clock.after(durationMs, () => this.#end(key, { state: 'exited', code }));
  }

  #end(key: TaskKey, outcome: ObservedOutcome): void {
    const task = this.#tasks.get(key);
    if (task?.outcome.state !== 'running') return;
    task.outcome = outcome;
    this.#agent.world.stopped(key);
    this.#agent.tell({ kind: 'ended', task: key, outcome });
  }

  #stop({ task: key, signal }: EffectOf<'stop'>): void {
    const task = this.#tasks.get(key);
    if (task === undefined || (signal === 'SIGTERM' && task.ignoresTerm)) return;
    this.#agent.world.clock.after(this.#agent.random.between(0, 20), () =>
      this.#end(key, { state: 'signaled', signal }),
    );
  }

  /** A task that was told to be sick fails its checks, every other one is well. */
  #probe({ task, aim, probe, timeoutMs }: EffectOf<'probe'>): void {
    const isWell = this.#tasks.get(task)?.isSick === false;
    this.#agent.after(this.#agent.random.between(0, timeoutMs), () => {
      const answer = { result: resultOf(probe, isWell), detail: isWell ? 'well' : 'sick' };
      this.#agent.tell({ kind: 'probed', task, aim, answer });
    });
  }
}

function resultOf(probe: Probe, isWell: boolean): CheckResult {
  switch (probe.kind) {
    case 'command':
      return { kind: 'command', exitCode: isWell ? 0 : 1 };
    case 'http':
      return { kind: 'http', statusCode: isWell ? 200 : 500 };
    case 'tcp':
      return { kind: 'tcp', succeeded: isWell };
    default:
      return unreachable(probe);
  }
}
