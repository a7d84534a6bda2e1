// Owns a command line that can be copied.

export const Command = ({ words }: { readonly words: string }) => (
  <span class="command">
    <code>{words}</code>
    <button
      type="button"
      aria-label={`copy ${words}`}
      onClick={() => void navigator.clipboard?.writeText(words)}
    >
      copy
    </button>
  </span>
);

/** Nothing is there: what would change that. */
export const Empty = ({
  words,
  command,
}: {
  readonly words: string;
  readonly command?: string | undefined;
}) => (
  <p class="empty">
    {words} {command !== undefined && <Command words={command} />}
  </p>
);
