// Tests of what is kept of a command's output that nobody has taken yet.
import { encode } from '@parley/protocol/codec';
import { MAX_OUTPUT_BYTES } from '@parley/protocol/task-exec';
import { expect, test } from 'vitest';
import { type Chunk, ExecOutput } from './exec-output.ts';

/** What the bus takes, and some room for what is around an answer. */
const MESSAGE_BYTES = 1024 * 1024 - 4096;
const byte = (value: number): Uint8Array => Uint8Array.of(value % 256);
const bytesOf = (chunks: readonly Chunk[]): Buffer => Buffer.concat(chunks.map(({ data }) => data));

function filled(streamOf: (index: number) => Chunk['stream']): ExecOutput {
  const output = new ExecOutput();
  for (let index = 0; !output.isFull; index += 1) output.append(streamOf(index), byte(index));
  return output;
}

test.each([
  { how: 'one output', streamOf: () => 'stdout' as const, least: MAX_OUTPUT_BYTES },
  {
    how: 'both outputs in turn',
    streamOf: (index: number) => (index % 2 === 0 ? 'stdout' : 'stderr') as Chunk['stream'],
    least: 4096,
  },
])(
  'what is written byte by byte to $how comes whole and in order, in answers that fit a message',
  ({ streamOf, least }) => {
    const output = filled(streamOf);
    expect(output.end).toBeGreaterThanOrEqual(least);
    const { end } = output;
    let taken = 0;
    while (taken < end) {
      const answer = output.from(taken);
      expect(encode(answer).length).toBeLessThan(MESSAGE_BYTES);
      const data = bytesOf(answer);
      expect(data.length).toBeGreaterThan(0);
      expect(data.equals(Buffer.from(data.map((_, index) => (taken + index) % 256)))).toBe(true);
      taken += data.length;
    }
    expect(taken).toBe(end);
  },
);

test('an offset within what was put together begins there', () => {
  const output = new ExecOutput();
  for (const word of ['ab', 'cd', 'ef']) output.append('stdout', Buffer.from(word));
  expect(bytesOf(output.from(3)).toString()).toBe('def');
  output.append('stdout', Buffer.from('gh'));
  expect(bytesOf(output.from(5)).toString()).toBe('fgh');
});
