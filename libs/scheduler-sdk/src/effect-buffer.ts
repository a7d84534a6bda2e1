// Owns the effects that gather while a session decides, in order.
import type { SchedulerEvent, SessionEffect } from './session-vocabulary.ts';

export class EffectBuffer {
  #effects: SessionEffect[] = [];

  push(...effects: readonly SessionEffect[]): void {
    this.#effects.push(...effects);
  }

  deliver(event: SchedulerEvent): void {
    this.#effects.push({ kind: 'deliver', event });
  }

  take(): SessionEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
