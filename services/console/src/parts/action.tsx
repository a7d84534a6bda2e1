// Owns how something is changed: a button, then what will happen in words and as a command line, then the name to be typed.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { change, mayOperate } from '../data/gateway.ts';
import { isPast } from '../data/past.ts';
import { Command } from './command.tsx';

export type ActionProps = {
  /** On the button. */
  readonly title: string;
  /** What will happen, such as "kills 14 tasks". */
  readonly effect: string;
  /** Has to be typed. */
  readonly name: string;
  readonly command: string;
  readonly ask: { readonly method: 'POST' | 'PUT'; readonly path: string; readonly body?: object };
  readonly isReady?: boolean;
  /** False takes the button away; what was opened by it stays until it is closed. */
  readonly isOffered?: boolean;
  readonly onDone?: () => void;
  /** What else is chosen. */
  readonly children?: ComponentChildren;
};

/** Nothing where one may not, disabled in the past. */
export function Action(props: ActionProps) {
  const [isOpen, setOpen] = useState(false);
  if (!mayOperate()) return null;
  return (
    <>
      {(props.isOffered ?? true) && (
        <button type="button" class="action" disabled={isPast.value} onClick={() => setOpen(true)}>
          {props.title}
        </button>
      )}
      {isOpen && <Confirmation {...props} onClose={() => setOpen(false)} />}
    </>
  );
}

function Confirmation({
  title,
  effect,
  name,
  command,
  ask,
  isReady = true,
  onDone,
  onClose,
  children,
}: ActionProps & { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState('');
  const [told, setTold] = useState<{ text: string; isDone: boolean } | undefined>(undefined);
  useEffect(() => dialog.current?.showModal(), []);
  const confirm = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    try {
      await change(ask.method, ask.path, ask.body);
      setTold({ text: 'Done.', isDone: true });
      onDone?.();
    } catch (error) {
      setTold({ text: error instanceof Error ? error.message : String(error), isDone: false });
    }
  };
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={title}>
      <form onSubmit={(event) => void confirm(event)}>
        <h2>{title}</h2>
        <p>{effect}</p>
        {children}
        <p>
          The same in a terminal: <Command words={command} />
        </p>
        <label>
          To confirm, type <b>{name}</b>
          <input
            value={typed}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <p role="status">{told?.text}</p>
        <p class="links">
          <button
            type="submit"
            class="danger"
            disabled={isPast.value || typed !== name || !isReady || told?.isDone === true}
          >
            {title}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {told?.isDone === true ? 'Close' : 'Leave it'}
          </button>
        </p>
      </form>
    </dialog>
  );
}
