// Owns the clocks of the page.

/** Milliseconds since 1970. */
export const wallTimeMs = (): number => Date.now();

/** Never goes back, in milliseconds. */
export const steadyMs = (): number => performance.now();
