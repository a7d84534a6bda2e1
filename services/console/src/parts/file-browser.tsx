// Owns the sandbox of a task: directories to walk, files to look into and to take away.
import { useState } from 'preact/hooks';
import { askRaw } from '../data/gateway.ts';
import { useAsked } from '../data/use-asked.ts';
import { showBytes } from '../format/amounts.ts';
import { Empty } from './command.tsx';
import { DownloadButton } from './download-button.tsx';
import { WhenWall } from './when.tsx';

/** More of a file is not shown here: it can be downloaded. */
const SHOWN_BYTES = 64 * 1024;

type File = {
  readonly name: string;
  readonly kind: string;
  readonly size: number;
  readonly modifiedMs: number;
};

/** `of`: the path of the task in the API. */
export function FileBrowser({ of }: { readonly of: string }) {
  const [folder, setFolder] = useState('');
  const [opened, setOpened] = useState<{ path: string; text: string } | undefined>(undefined);
  const { answer, problem } = useAsked<{ items: File[]; isCut: boolean }>(
    `${of}/files?${new URLSearchParams({ path: folder })}`,
  );
  const placeOf = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
  const fileUrl = (path: string): string => `${of}/file?${new URLSearchParams({ path })}`;
  const look = async (path: string): Promise<void> => {
    try {
      const text = await (await askRaw(`${fileUrl(path)}&length=${SHOWN_BYTES}`)).text();
      setOpened({ path, text });
    } catch (error) {
      setOpened({ path, text: error instanceof Error ? error.message : String(error) });
    }
  };
  return (
    <div class="files">
      <p class="links">
        <button type="button" onClick={() => setFolder('')}>
          sandbox
        </button>
        {folder
          .split('/')
          .filter(Boolean)
          .map((part, index, parts) => (
            <button
              key={parts.slice(0, index + 1).join('/')}
              type="button"
              onClick={() => setFolder(parts.slice(0, index + 1).join('/'))}
            >
              / {part}
            </button>
          ))}
        {problem !== undefined && <span role="status">{problem}</span>}
      </p>
      {answer?.items.length === 0 && <Empty words="Nothing is here." />}
      <ul>
        {answer?.items.map(({ name, kind, size, modifiedMs }) => (
          <li key={name}>
            <button
              type="button"
              onClick={() =>
                kind === 'directory' ? setFolder(placeOf(name)) : void look(placeOf(name))
              }
            >
              {name}
              {kind === 'directory' ? '/' : ''}
            </button>
            <span class="soft">
              {kind === 'directory' ? '' : showBytes(size)} <WhenWall wallMs={modifiedMs} />
            </span>
            {kind === 'file' && <DownloadButton path={fileUrl(placeOf(name))} name={name} />}
          </li>
        ))}
      </ul>
      {answer?.isCut === true && <p class="soft">More is there than is listed.</p>}
      {opened !== undefined && (
        <figure>
          <figcaption>{opened.path}</figcaption>
          <pre class="file">{opened.text}</pre>
        </figure>
      )}
    </div>
  );
}
