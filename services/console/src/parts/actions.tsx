// Owns what people can change here: a task, a framework, an agent, a role. Each says what it does, as a command line too.
import type { AgentRow, FrameworkRow, TaskRow } from '@parley/cluster-view/view';
import { useState } from 'preact/hooks';
import type { Role } from '../data/roles.ts';
import { counted } from '../format/amounts.ts';
import { Action } from './action.tsx';
import { type RoleWishes, roleChangeOf, roleCommandOf, sharesSentence } from './role-wishes.ts';

const pathOf = (...parts: readonly string[]): string => parts.map(encodeURIComponent).join('/');

export function KillTask({
  row: { principal, frameworkId, taskId, agentId },
  isOffered,
}: {
  readonly row: TaskRow;
  readonly isOffered: boolean;
}) {
  return (
    <Action
      title="Kill task"
      isOffered={isOffered}
      effect={`Asks ${taskId} on ${agentId} to stop, and kills it when its grace is over. Its framework is told that it was killed.`}
      name={taskId}
      command={`npx parley task kill ${principal}/${frameworkId}/${taskId}`}
      ask={{ method: 'POST', path: `/v1/tasks/${pathOf(principal, frameworkId, taskId)}/kill` }}
    />
  );
}

export function TearDownFramework({
  principal,
  frameworkId,
  liveTasks,
  isOffered,
}: Pick<FrameworkRow, 'principal' | 'frameworkId'> & {
  readonly liveTasks: number;
  readonly isOffered: boolean;
}) {
  return (
    <Action
      title="Tear down framework"
      isOffered={isOffered}
      effect={`Ends ${principal}/${frameworkId} for good and kills its ${counted(liveTasks, 'live task')}.`}
      name={frameworkId}
      command={`npx parley framework teardown ${principal}/${frameworkId}`}
      ask={{ method: 'POST', path: `/v1/frameworks/${pathOf(principal, frameworkId)}/teardown` }}
    />
  );
}

export function ChangeAgent({ row: { agentId, condition, tasks } }: { readonly row: AgentRow }) {
  const isActive = condition === 'active';
  const common = (kind: 'drain' | 'reactivate') => ({
    name: agentId,
    command: `npx parley agent ${kind} ${agentId}`,
    ask: { method: 'POST', path: `/v1/agents/${pathOf(agentId)}/${kind}` } as const,
  });
  return (
    <>
      <Action
        {...common('drain')}
        title="Drain agent"
        isOffered={isActive}
        effect={`Nothing more is offered of ${agentId}, and its ${counted(tasks, 'live task is', 'live tasks are')} asked to stop.`}
      />
      <Action
        {...common('reactivate')}
        title="Reactivate agent"
        isOffered={!isActive}
        effect={`${agentId} is offered again.`}
      />
    </>
  );
}

const FIELDS = [
  ['weight', 'weight, such as 2'],
  ['guarantee', 'guarantee, such as cpus=4,mem=4096; none'],
  ['limit', 'limit, likewise'],
] as const;

export function RoleChange({
  role,
  roles,
  onDone,
}: {
  readonly role: string;
  readonly roles: readonly Role[];
  readonly onDone: () => void;
}) {
  const [wishes, setWishes] = useState<RoleWishes>({ weight: '', guarantee: '', limit: '' });
  const asked = roleChangeOf(role, wishes);
  return (
    <Action
      title="Set quota and weight"
      effect={
        asked.ok
          ? `Changes how much of the cluster ${role} gets. What is left empty stays.`
          : asked.problem
      }
      name={role}
      isReady={asked.ok}
      command={roleCommandOf(role, wishes)}
      ask={{ method: 'PUT', path: '/v1/roles', body: asked.ok ? asked.change : {} }}
      onDone={onDone}
    >
      {FIELDS.map(([field, words]) => (
        <label key={field}>
          {words}
          <input
            value={wishes[field]}
            onInput={(event) => setWishes({ ...wishes, [field]: event.currentTarget.value })}
          />
        </label>
      ))}
      <p class="soft" role="status">
        {sharesSentence(roles, role, asked.ok ? asked.change.weight : undefined)}
      </p>
    </Action>
  );
}
