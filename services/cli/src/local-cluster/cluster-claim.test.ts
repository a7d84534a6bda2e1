import { describe, expect, it } from 'vitest';
import { claimFolder } from './cluster-claim.ts';

describe('claimFolder', () => {
  it('gives a folder to one holder at a time', async () => {
    const folder = `/nowhere/${process.pid}`;
    const first = await claimFolder(folder);
    expect(first).toBeDefined();
    expect(await claimFolder(folder)).toBeUndefined();
    const other = await claimFolder(`${folder}/other`);
    expect(other).toBeDefined();
    await first?.release();
    const again = await claimFolder(folder);
    expect(again).toBeDefined();
    await again?.release();
    await other?.release();
  });
});
