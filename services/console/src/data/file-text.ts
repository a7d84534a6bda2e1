// Owns reading a file that somebody opens as text, also one that is compressed (.gz), as the gateway exports windows.

/** Throws what reading it throws; a `TypeError` where it is not what its name says. */
export function textOf(file: File): Promise<string> {
  if (!file.name.endsWith('.gz')) return file.text();
  const plain = file.stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(plain).text();
}
