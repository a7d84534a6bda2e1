// Tests which answers of the master the allocator takes victims from: none that is ahead of the facts that it knows.
import { RoleName, TaskRef } from '@parley/protocol/ids';
import type { CandidatesQuestion, RevocableTask } from '@parley/protocol/revocations';
import { beforeEach, expect, test } from 'vitest';
import { FULL_RUN_INTERVAL_MS } from './allocator.ts';
import { LOOK_MS } from './reclaimer.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { aFramework, anAgentId, resourcesOf } from './scripted-master.ts';

const role = RoleName.parse('eng');
let cluster: ScriptedCluster;
/** Of the facts that were told last. */
let sequence: number;

/** A full agent that `rich` holds; `poor` has a need and is guaranteed a part of it. */
beforeEach(() => {
  cluster = new ScriptedCluster();
  const { master } = cluster;
  master.addAgent('x', resourcesOf(2, 2000));
  master.subscribe('rich', 'eng');
  const [offer] = cluster.settle();
  master.launch(offer?.number ?? 0);
  master.suppress('rich', 'eng');
  master.subscribe('poor', 'eng');
  master.setShares('poor', { guarantee: { cpus: 1000 } });
  master.need('poor', 'eng', [{ shape: 's', count: 1, resources: resourcesOf(1, 1000) }]);
  const message = master.message();
  sequence = message.sequence;
  cluster.hear(message);
});

const tasks: RevocableTask[] = [1, 2].map((number) => ({
  task: TaskRef.parse({ ...aFramework('rich'), taskId: `t${number}` }),
  agentId: anAgentId('x'),
  role,
  resources: resourcesOf(1, 1000),
  priority: 0,
  launchedAtMs: number,
}));

function nextQuestion(): CandidatesQuestion {
  const endMs = cluster.nowMs + FULL_RUN_INTERVAL_MS + 10 * LOOK_MS;
  while (cluster.nowMs < endMs) {
    cluster.nowMs = Math.max(cluster.nowMs, cluster.allocator.nextWakeMs() ?? endMs);
    for (const effect of cluster.allocator.tick(cluster.nowMs)) {
      if (effect.kind === 'askCandidates') return effect.question;
    }
  }
  throw new Error('nothing is asked');
}

test('what it is told as of the facts that it knows is taken back', () => {
  const { question } = nextQuestion();
  const effects = cluster.allocator.candidates({ question, sequence, tasks }, cluster.nowMs);
  expect(effects).toMatchObject([{ kind: 'revoke', revocations: [{ task: { taskId: 't2' } }] }]);
});

test('what is ahead of the facts is not used: something may be coming back that is not known yet; it asks again', () => {
  const { question } = nextQuestion();
  const ahead = { question, sequence: sequence + 1, tasks };
  expect(cluster.allocator.candidates(ahead, cluster.nowMs)).toEqual([]);
  const message = cluster.master.message();
  cluster.hear(message);
  const again = nextQuestion();
  expect(again.question).toBe(question + 1);
  const known = { question: again.question, sequence: message.sequence, tasks: tasks.slice(0, 1) };
  expect(cluster.allocator.candidates(known, cluster.nowMs)).toMatchObject([{ kind: 'revoke' }]);
});

test('where the facts say that enough is coming back, nothing more is asked for', () => {
  const { question } = nextQuestion();
  const ahead = { question, sequence: sequence + 1, tasks };
  expect(cluster.allocator.candidates(ahead, cluster.nowMs)).toEqual([]);
  cluster.master.tell({
    kind: 'revoking',
    task: tasks[1]?.task ?? TaskRef.parse({}),
    role,
    agentId: anAgentId('x'),
    resources: resourcesOf(1, 1000),
    beneficiary: { framework: aFramework('poor'), role },
    reason: 'belowGuarantee',
  });
  cluster.hear(cluster.master.message());
  expect(nextQuestion).toThrow('nothing is asked');
});

test('who does not use what has come back is put off, a loss of step in between or not, but not by a restart', () => {
  const [task] = tasks;
  if (task === undefined) throw new Error('there is a task');
  const { master, allocator } = cluster;
  const beneficiary = { framework: aFramework('poor'), role };
  master.tell({ kind: 'revoking', ...task, beneficiary, reason: 'belowGuarantee' });
  cluster.hear(master.message());
  master.tell({ kind: 'revoked', task: task.task });
  master.tell({
    kind: 'agentFree',
    agentId: task.agentId,
    free: resourcesOf(0, 0),
    reservations: [],
  });
  cluster.hear(master.message());
  const askedAfterMs = (): number => {
    for (const part of master.snapshot()) allocator.facts(part, cluster.nowMs);
    const fromMs = cluster.nowMs;
    nextQuestion();
    return cluster.nowMs - fromMs;
  };
  allocator.reconnected(cluster.nowMs);
  expect(askedAfterMs()).toBeGreaterThan(9000);
  allocator.started({ bucketCreatedMs: 1000, revision: 8 }, cluster.nowMs);
  expect(askedAfterMs()).toBeLessThan(5000);
});
