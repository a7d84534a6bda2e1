// Tests that an exported window is read as it is, compressed or not.
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { textOf } from './file-text.ts';

test('a file is read as text, a compressed one is unpacked first', async () => {
  expect(await textOf(new File(['wärme\n'], 'window.ndjson'))).toBe('wärme\n');
  const zipped = new File([gzipSync('wärme\n')], 'window.ndjson.gz');
  expect(await textOf(zipped)).toBe('wärme\n');
});

test('a file that is not what its name says is refused', async () => {
  await expect(textOf(new File(['plain'], 'window.gz'))).rejects.toThrow(TypeError);
});
