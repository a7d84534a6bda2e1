// Owns the list of keys, shown by `?`.
import { useEffect, useRef } from 'preact/hooks';
import { GO_KEYS, isHelpShown } from '../keys.ts';

const OTHERS = [
  ['/', 'to the filter of the page'],
  ['[ ]', 'an event back, an event on'],
  ['l', 'to the present'],
  ['?', 'this list'],
] as const;

export function KeyHelp() {
  const dialog = useRef<HTMLDialogElement>(null);
  const isShown = isHelpShown.value;
  useEffect(() => {
    if (isShown) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isShown]);
  return (
    <dialog ref={dialog} aria-label="keys" onClose={() => (isHelpShown.value = false)}>
      <h2>Keys</h2>
      <dl class="keys">
        {Object.entries(GO_KEYS).map(([key, page]) => (
          <div key={key}>
            <dt>
              <kbd>g</kbd> <kbd>{key}</kbd>
            </dt>
            <dd>{page}</dd>
          </div>
        ))}
        {OTHERS.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
