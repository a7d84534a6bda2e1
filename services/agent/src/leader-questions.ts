// Owns one try of what an agent asks the leader, and the input that an answer becomes.
import type { AgentBus } from './agent-bus.ts';
import type { SupervisorEffect, SupervisorInput } from './supervisor-messages.ts';

export type LeaderQuestion = Extract<
  SupervisorEffect,
  { kind: 'register' | 'tellStop' | 'tellTasks' }
>;

/** Undefined when no answer came: the supervisor asks again. */
export async function askLeader(
  bus: Pick<AgentBus, 'register' | 'stopAnswered' | 'tellTasks'>,
  question: LeaderQuestion,
): Promise<SupervisorInput | undefined> {
  const { counter, request } = question;
  switch (question.kind) {
    case 'register': {
      const answered = await bus.register(request, question.body);
      return answered && { kind: 'registerAnswered', counter, ...answered };
    }
    case 'tellTasks': {
      const answered = await bus.tellTasks(request, question.body);
      return answered && { kind: 'tasksTold', counter, ...answered };
    }
    case 'tellStop': {
      const answer = await bus.stopAnswered(request, question.body);
      return answer && { kind: 'stopTold', counter, answer };
    }
  }
}
