// Owns the file by which whoever runs a gateway signs in without a password: a link for the browser, which works once and
// not for long, and a token for scripts. Only that user of the host can read it. It always holds a link that works.
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { isSameSecret } from './session-store.ts';

/** A link is replaced after so long; the one before still works until then, so each does for this long at least. */
const RENEW_MS = 15 * 60_000;
const OWN_MODE = 0o600;

export class SignInFile {
  /** For `Authorization: Bearer`, while the gateway runs. */
  readonly token: string;
  readonly #file: string;
  readonly #newSecret: () => string;
  #links: readonly string[] = [];
  #url: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string, newSecret: () => string) {
    this.#file = file;
    this.#newSecret = newSecret;
    this.token = newSecret();
  }

  /** `url`: of the gateway. Throws when the file cannot be written. */
  open(url: string): void {
    this.#url = url;
    this.#renew();
    this.#timer = setInterval(() => this.#renew(), RENEW_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    rmSync(this.#file, { force: true });
  }

  /** Whether the link is one that works. It does not any more after this, and the file has another. */
  takeLink(shown: string): boolean {
    const rest = this.#links.filter((link) => !isSameSecret(shown, link));
    if (rest.length === this.#links.length) return false;
    this.#links = rest;
    this.#renew();
    return true;
  }

  #renew(): void {
    const link = this.#newSecret();
    this.#links = [...this.#links.slice(-1), link];
    const content = { link: `${this.#url}/sign-in?token=${link}`, token: this.token };
    const beside = `${this.#file}.new`;
    rmSync(beside, { force: true });
    writeFileSync(beside, `${JSON.stringify(content)}\n`, { mode: OWN_MODE, flag: 'wx' });
    renameSync(beside, this.#file);
  }
}
