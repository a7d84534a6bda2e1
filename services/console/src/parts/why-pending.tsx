// Owns the answer to "why does it wait": asked of the allocator when somebody wants to know, told as sentences.
import { useState } from 'preact/hooks';
import { ask } from '../data/gateway.ts';
import { isPast } from '../data/past.ts';
import { sentencesOf, type Why } from './why-sentences.ts';

/** `of`: the path of a task or framework in the API. */
export function WhyPending({ of }: { readonly of: string }) {
  const [told, setTold] = useState<readonly string[] | undefined>(undefined);
  const [isAsking, setAsking] = useState(false);
  const explain = async (): Promise<void> => {
    setAsking(true);
    try {
      setTold(sentencesOf(await ask<Why>(`${of}/explain`)));
    } catch (error) {
      setTold([error instanceof Error ? error.message : String(error)]);
    }
    setAsking(false);
  };
  return (
    <section class="why" aria-label="why it waits">
      <button type="button" disabled={isPast.value || isAsking} onClick={() => void explain()}>
        {told === undefined ? 'Why does it wait?' : 'Ask again'}
      </button>
      {told !== undefined && (
        <ul role="status">
          {told.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
    </section>
  );
}
