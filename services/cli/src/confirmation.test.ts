// Tests of the question before what cannot be undone.
import { describe, expect, it } from 'vitest';
import { EXIT } from './command-failure.ts';
import { type Asking, confirm } from './confirmation.ts';

const confirmation = {
  warning: 'this ends framework a/b',
  word: 'b',
  command: 'parley framework teardown a/b',
};

/** How often somebody was asked, and what came of it: undefined when it may go on. */
async function asked(asking: Partial<Asking>, answer?: string) {
  const questions: string[] = [];
  const ask = async (question: string) => {
    questions.push(question);
    return answer;
  };
  const outcome = await confirm(confirmation, {
    yes: false,
    isTerminal: true,
    ask,
    ...asking,
  }).catch((error: unknown) => error);
  return { questions, outcome };
}

describe('a confirmation', () => {
  it('is given by --yes, and nobody is asked', async () => {
    expect(await asked({ yes: true })).toEqual({ questions: [], outcome: undefined });
    expect(await asked({ yes: true, isTerminal: false })).toMatchObject({ outcome: undefined });
  });

  it('is given by typing the name at a terminal', async () => {
    const { questions, outcome } = await asked({}, 'b\r');
    expect(outcome).toBeUndefined();
    expect(questions).toEqual(['this ends framework a/b.\nType b to go on: ']);
  });

  it.each(['', 'y', 'yes', 'a/b', 'B', undefined])(
    'is not given by anything else that is typed: %s',
    async (typed) => {
      const { outcome } = await asked({}, typed);
      expect(outcome).toMatchObject({ exitCode: EXIT.notConfirmed });
      expect(String(outcome)).toContain('nothing was done');
    },
  );

  it('is refused where there is no terminal, with the command that would do it', async () => {
    const { questions, outcome } = await asked({ isTerminal: false }, 'b');
    expect(questions).toEqual([]);
    expect(outcome).toMatchObject({ exitCode: EXIT.notConfirmed });
    expect(String(outcome)).toContain('parley framework teardown a/b --yes');
  });
});
