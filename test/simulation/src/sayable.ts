// Owns what may be said: whatever some entry of the journal says, by what identifies it. Books that are made anew give out
// the same numbers once more, so that "once" is once in the same books.
import { isDeepStrictEqual } from 'node:util';

type Content = { readonly books: number; readonly content: unknown };

export class Sayable {
  readonly #contents = new Map<string, Content[]>();
  #books = 0;

  /** The books are other ones from now on. What those before have said may be on its way still. */
  beginBooks(): void {
    this.#books += 1;
  }

  /** What these books say of it so far. */
  saidOf(key: string): unknown[] {
    const contents = this.#contents.get(key) ?? [];
    return contents.filter(({ books }) => books === this.#books).map(({ content }) => content);
  }

  once(key: string, content: unknown): void {
    if (this.saidOf(key).length > 0) throw new Error(`${key} is given out twice: ${told(content)}`);
    this.may(key, content);
  }

  may(key: string, content: unknown): void {
    if (this.saidOf(key).some((one) => isDeepStrictEqual(one, content))) return;
    const contents = this.#contents.get(key) ?? [];
    contents.push({ books: this.#books, content });
    this.#contents.set(key, contents);
  }

  /** Likewise, or any before them. */
  everSaidOf(key: string): unknown[] {
    return (this.#contents.get(key) ?? []).map(({ content }) => content);
  }

  must(key: string, content: unknown): void {
    if (this.everSaidOf(key).some((one) => isDeepStrictEqual(one, content))) return;
    throw new Error(`${key} is said and no stored entry says so: ${told(content)}`);
  }
}

export const told = (content: unknown) => JSON.stringify(content).slice(0, 300);
