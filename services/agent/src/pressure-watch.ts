// Owns looking at the host's pressure every two seconds, while the agent has lent something. When pressure is too high is in
// qos-controller.ts, how it is read in host-pressure.ts.
import { systemClock } from '@parley/actor/nats/system-clock';
import { readPressure } from './host-pressure.ts';
import { QosController, type QosLimits } from './qos-controller.ts';

const LOOK_MS = 2000;

export class PressureWatch {
  readonly #qos: QosController;
  readonly #mayTakeBack: () => boolean;
  readonly #onPressed: (why: string) => void;
  #timer: NodeJS.Timeout | undefined;

  /** `mayTakeBack`: whether there is a task to take back; `onPressed`: one is to go, with the reason in words. */
  constructor(limits: QosLimits, mayTakeBack: () => boolean, onPressed: (why: string) => void) {
    this.#qos = new QosController(limits);
    this.#mayTakeBack = mayTakeBack;
    this.#onPressed = onPressed;
  }

  begin(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (!this.#mayTakeBack()) return;
    const why = this.#qos.look(readPressure(), systemClock.nowMs());
    if (why !== undefined) this.#onPressed(why);
  }
}
