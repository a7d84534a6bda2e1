// Owns the button by which something is taken away, and what it says when that fails.
import { useState } from 'preact/hooks';
import { download } from '../data/download.ts';

export function DownloadButton({ path, name }: { readonly path: string; readonly name: string }) {
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const take = (): void => {
    setProblem(undefined);
    download(path, name).catch((error: unknown) =>
      setProblem(error instanceof Error ? error.message : String(error)),
    );
  };
  return (
    <>
      <button type="button" aria-label={`download ${name}`} onClick={take}>
        download
      </button>
      {problem !== undefined && <span role="status">{problem}</span>}
    </>
  );
}
