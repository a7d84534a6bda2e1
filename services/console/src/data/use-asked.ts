// Owns what a component has asked the gateway for once: the answer, or why there is none.
import { useEffect, useState } from 'preact/hooks';
import { ask } from './gateway.ts';
import { openedFile } from './past.ts';

export type Answered<Answer> = {
  readonly answer: Answer | undefined;
  readonly problem: string | undefined;
  readonly again: () => void;
};

/**
 * Again whenever the path changes, and each so many milliseconds where that is said. Undefined: nothing is asked; nor while
 * a window is opened, which may be of another cluster.
 */
export function useAsked<Answer>(wanted: string | undefined, everyMs?: number): Answered<Answer> {
  const path = openedFile.value === undefined ? wanted : undefined;
  const [state, setState] = useState<{ answer?: Answer; problem?: string }>({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === undefined) return setState({});
    const stop = new AbortController();
    ask<Answer>(path, { signal: stop.signal })
      .then((answer) => setState({ answer }))
      .catch((error: unknown) => {
        if (stop.signal.aborted) return;
        const problem = error instanceof Error ? error.message : String(error);
        setState((before) => ({ ...before, problem }));
      });
    const timer =
      everyMs === undefined
        ? undefined
        : setTimeout(() => setTurn((before) => before + 1), everyMs);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, turn]);
  return { answer: state.answer, problem: state.problem, again: () => setTurn((one) => one + 1) };
}
