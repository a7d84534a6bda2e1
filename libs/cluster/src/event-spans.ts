// Owns which events of each framework are kept: they are numbered without gaps and go oldest first, so two numbers
// say it. Derived state: never hashed, built anew when a state is restored.
type Span = { first: number; last: number };

export class EventSpans {
  readonly #spans = new Map<string, Span>();

  /** Ids of what is kept, oldest first. */
  of(framework: string): number[] {
    const span = this.#spans.get(framework);
    if (span === undefined) return [];
    return Array.from({ length: span.last - span.first + 1 }, (_, index) => span.first + index);
  }

  count(framework: string): number {
    const span = this.#spans.get(framework);
    return span === undefined ? 0 : span.last - span.first + 1;
  }

  oldest(framework: string): number | undefined {
    return this.#spans.get(framework)?.first;
  }

  kept(framework: string, eventId: number): void {
    const span = this.#spans.get(framework);
    if (span === undefined) this.#spans.set(framework, { first: eventId, last: eventId });
    else span.last = Math.max(span.last, eventId);
  }

  /** The oldest one. */
  dropped(framework: string, eventId: number): void {
    const span = this.#spans.get(framework);
    if (span === undefined) return;
    if (eventId >= span.last) this.#spans.delete(framework);
    else span.first = Math.max(span.first, eventId + 1);
  }

  entries(): IterableIterator<[string, Readonly<Span>]> {
    return this.#spans.entries();
  }
}
