// Owns finding a framework by what refers to it. Facts come by the thousand: no key is made of the two names for each.
import type { FrameworkId, FrameworkRef, PrincipalName } from '@parley/protocol/ids';

export class FrameworkIndex<Framework extends { readonly ref: FrameworkRef }> {
  readonly #byPrincipal = new Map<PrincipalName, Map<FrameworkId, Framework>>();

  get({ principal, frameworkId }: FrameworkRef): Framework | undefined {
    return this.#byPrincipal.get(principal)?.get(frameworkId);
  }

  add(framework: Framework): void {
    const { principal, frameworkId } = framework.ref;
    const known = this.#byPrincipal.get(principal);
    if (known === undefined) this.#byPrincipal.set(principal, new Map([[frameworkId, framework]]));
    else known.set(frameworkId, framework);
  }

  delete({ ref: { principal, frameworkId } }: Framework): void {
    const known = this.#byPrincipal.get(principal);
    known?.delete(frameworkId);
    if (known?.size === 0) this.#byPrincipal.delete(principal);
  }

  *all(): Generator<Framework, void, void> {
    for (const frameworks of this.#byPrincipal.values()) yield* frameworks.values();
  }
}
