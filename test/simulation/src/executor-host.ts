// Owns the custom executors of one simulated host, apart from the agent's process: their programs, what is on the disk
// about them, and the sockets between. What the agent asks of it is carried out even when the agent dies meanwhile.
import type {
  ExecutorEffect,
  ExecutorPlace,
  PlacedExecutorInput,
  RecoveredExecutor,
} from '@parley/agent/executors/executor-messages';
import type { ExecutorRecord } from '@parley/agent/executors/executor-record';
import type { ObservedOutcome } from '@parley/agent/task-outcome';
import { type ExecutorKey, executorKey, type TaskKey } from '@parley/protocol/ids';
import { unreachable } from '@parley/protocol/unreachable';
import type { AgentOfHost } from './agent-of-host.ts';
import { SimulatedExecutor } from './simulated-executor.ts';

/** What is written of an executor stays in its order. */
const WRITE_MS = 1;

type Program = {
  readonly incarnation: number;
  readonly executor: SimulatedExecutor;
  outcome: ObservedOutcome;
};
type PlacedEffect = Exclude<ExecutorEffect, { readonly kind: 'tellExited' }>;

export class ExecutorHost {
  readonly #agent: AgentOfHost;
  readonly #disk = new Map<ExecutorKey, ExecutorRecord>();
  readonly #programs = new Map<ExecutorKey, Program>();
  #boots = 0;
  #connections = 0;

  constructor(agent: AgentOfHost) {
    this.#agent = agent;
  }

  get recordCount(): number {
    return this.#disk.size;
  }

  runningTasks(): TaskKey[] {
    return [...this.#programs.values()].flatMap(({ executor }) => executor.runningTasks());
  }

  /** What the agent's process finds when it starts. */
  recovered(): RecoveredExecutor[] {
    return [...this.#disk].map(([key, record]) => {
      const program = this.#programs.get(key);
      const isIt = program?.incarnation === record.incarnation;
      return { record, outcome: isIt ? program.outcome : { state: 'notStarted' } };
    });
  }

  agentCrashed(): void {
    for (const { executor } of this.#programs.values()) executor.disconnect();
  }

  /** The machine restarts, and nobody saw how anything ended. */
  reboot(): void {
    this.#boots += 1;
    for (const program of this.#programs.values()) this.#end(program, { state: 'unknown' });
  }

  carryOut(effect: PlacedEffect): void {
    const { executor, incarnation } = effect;
    const place = { executor, incarnation };
    switch (effect.kind) {
      case 'persist':
        this.#agent.after(WRITE_MS, () => this.#persist(effect));
        break;
      case 'forget':
        this.#agent.after(WRITE_MS, () => this.#forget(place));
        break;
      case 'launch':
        this.#launch(place, effect.description.command?.argv ?? []);
        break;
      case 'setLimits':
        this.#agent.after(this.#agent.random.between(0, 5), () =>
          this.#tell({ kind: 'limitsSet', ...place, revision: effect.revision }),
        );
        break;
      case 'destroy':
        this.#agent.world.clock.after(this.#agent.random.between(0, 20), () => {
          const program = this.#programOf(place);
          if (program) this.#endAndTell(place, program, { state: 'signaled', signal: 'SIGKILL' });
        });
        break;
      case 'send':
        this.#programOf(place)?.executor.receive(effect.connection, effect.message);
        break;
      case 'closeConnection':
        this.#programOf(place)?.executor.disconnect(effect.connection);
        break;
      case 'publishMessage':
        break;
      default:
        unreachable(effect);
    }
  }

  #persist({
    executor,
    incarnation,
    revision,
    record,
  }: Extract<PlacedEffect, { kind: 'persist' }>): void {
    this.#disk.set(executorKey(executor), record);
    this.#tell({ kind: 'recorded', executor, incarnation, revision });
  }

  #forget({ executor, incarnation }: ExecutorPlace): void {
    const key = executorKey(executor);
    if (this.#disk.get(key)?.incarnation === incarnation) this.#disk.delete(key);
    if (this.#programs.get(key)?.incarnation === incarnation) this.#programs.delete(key);
  }

  /** As a task's shim: a second start of the same finds the first and does nothing. */
  #launch(place: ExecutorPlace, argv: readonly string[]): void {
    const { world, agentId, random } = this.#agent;
    const boots = this.#boots;
    world.clock.after(random.between(0, 20), () => {
      if (boots !== this.#boots) return;
      if (this.#programOf(place) === undefined) {
        const { executor: ref, incarnation } = place;
        const executor = new SimulatedExecutor({
          world,
          agentId,
          executor: ref,
          argv,
          random: random.derive(`${executorKey(ref)} ${incarnation}`),
          socket: {
            connect: () => this.#connect(),
            say: (connection, message) =>
              this.#tell({ kind: 'said', ...place, connection, message }),
            started: () => this.#agent.checkRoom(),
            exited: () => {
              const program = this.#programOf(place);
              if (program) this.#endAndTell(place, program, { state: 'exited', code: 0 });
            },
          },
        });
        const program: Program = { incarnation, executor, outcome: { state: 'running' } };
        this.#programs.set(executorKey(ref), program);
        world.note(`${agentId}: executor ${executorKey(ref)} starts: ${argv.join(' ')}`);
        executor.begin();
      }
      this.#tell({ kind: 'started', ...place });
    });
  }

  #tell(input: PlacedExecutorInput): void {
    this.#agent.tell({ kind: 'executor', input });
  }

  #connect(): number | undefined {
    if (!this.#agent.isAlive()) return undefined;
    this.#connections += 1;
    return this.#connections;
  }

  #programOf({ executor, incarnation }: ExecutorPlace): Program | undefined {
    const program = this.#programs.get(executorKey(executor));
    return program?.incarnation === incarnation ? program : undefined;
  }

  #end(program: Program, outcome: ObservedOutcome): void {
    if (program.outcome.state !== 'running') return;
    program.outcome = outcome;
    program.executor.end();
  }

  #endAndTell(place: ExecutorPlace, program: Program, outcome: ObservedOutcome): void {
    if (program.outcome.state !== 'running') return;
    this.#end(program, outcome);
    const { executor } = place;
    this.#agent.world.note(
      `${this.#agent.agentId}: executor ${executorKey(executor)} runs no more`,
    );
    this.#tell({ kind: 'ended', ...place, outcome });
  }
}
