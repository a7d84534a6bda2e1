// Owns the question before what cannot be undone: whoever types has to type the name of what is to go, or has said --yes.
import { CommandFailure, EXIT } from './command-failure.ts';

export type Confirmation = {
  /** What is about to happen, as a sentence without its stop: `this kills task a/b/c`. */
  readonly warning: string;
  /** To be typed. */
  readonly word: string;
  /** The command with its arguments, for whoever has no terminal. */
  readonly command: string;
};

export type Asking = {
  /** `--yes` was given. */
  readonly yes: boolean;
  readonly isTerminal: boolean;
  /** Shows the question and gives the line that was typed; undefined when there is none. */
  readonly ask: (question: string) => Promise<string | undefined>;
};

/** Returns when it may go on. Throws `notConfirmed`: nothing is to be done. */
export async function confirm(
  { warning, word, command }: Confirmation,
  { yes, isTerminal, ask }: Asking,
): Promise<void> {
  if (yes) return;
  const nothingDone = `${warning}: nothing was done`;
  if (!isTerminal) {
    throw new CommandFailure(EXIT.notConfirmed, {
      what: nothingDone,
      why: 'it has to be confirmed, and there is no terminal to ask at',
      remedy: `if you mean it: ${command} --yes`,
    });
  }
  const typed = await ask(`${warning}.\nType ${word} to go on: `);
  if (typed?.trim() === word) return;
  throw new CommandFailure(EXIT.notConfirmed, {
    what: nothingDone,
    why: `what was typed is not ${word}`,
  });
}
