// Tests what is there when layers were laid over each other: what a model says, and nothing outside of them changed.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyLayer } from './apply-layer.ts';

type Node = { file: string } | { link: string } | { tree: Tree; isOpaque: boolean };
/** `isGone`: a mark beside it, if there is something, says that what was there before is gone. */
type Tree = { [name: string]: { isGone: boolean; node: Node | undefined } };

let base: string;
let root: string;
beforeEach(() => {
  base = mkdtempSync(path.join(tmpdir(), 'parley-layers-'));
  root = path.join(base, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(base, { recursive: true }));

function write(directory: string, tree: Tree): void {
  for (const [name, { isGone, node }] of Object.entries(tree)) {
    const place = path.join(directory, name);
    if (isGone) writeFileSync(path.join(directory, `.wh.${name}`), '');
    if (node === undefined) continue;
    if ('file' in node) writeFileSync(place, node.file);
    else if ('link' in node) symlinkSync(node.link, place);
    else {
      mkdirSync(place);
      if (node.isOpaque) writeFileSync(path.join(place, '.wh..wh..opq'), '');
      write(place, node.tree);
    }
  }
}

/** What there is, by its path. */
type Seen = { [place: string]: string };

function seen(directory: string): Seen {
  const all: Seen = {};
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const place = path.join(directory, entry.name);
    if (entry.isSymbolicLink()) all[entry.name] = `-> ${readlinkSync(place)}`;
    else if (entry.isFile()) all[entry.name] = readFileSync(place, 'utf8');
    else {
      all[entry.name] = '/';
      for (const [name, what] of Object.entries(seen(place))) all[`${entry.name}/${name}`] = what;
    }
  }
  return all;
}

/** The same as the specification says it. */
function applied(tree: Tree, before: Seen, directory = ''): Seen {
  let all = { ...before };
  const remove = (place: string): void => {
    const kept = Object.entries(all).filter(
      ([each]) => each !== place && !each.startsWith(`${place}/`),
    );
    all = Object.fromEntries(kept);
  };
  for (const [name, { isGone, node }] of Object.entries(tree)) {
    const place = directory + name;
    if (isGone) remove(place);
    if (node === undefined) continue;
    if (!('tree' in node)) {
      remove(place);
      all[place] = 'file' in node ? node.file : `-> ${node.link}`;
      continue;
    }
    if (all[place] !== '/' || node.isOpaque) remove(place);
    all = applied(node.tree, { ...all, [place]: '/' }, `${place}/`);
  }
  return all;
}

const trees = (outside: string): fc.Arbitrary<Tree> =>
  fc.letrec<{ tree: Tree; node: Node }>((tie) => ({
    tree: fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.record({ isGone: fc.boolean(), node: fc.option(tie('node'), { nil: undefined }) }),
      { depthIdentifier: 'tree' },
    ),
    node: fc.oneof(
      { depthIdentifier: 'tree', maxDepth: 3 },
      fc.record({ file: fc.constantFrom('one', 'two') }),
      fc.record({ link: fc.constantFrom(outside, '..', 'a', '../../outside') }),
      fc.record({ tree: tie('tree'), isOpaque: fc.boolean() }),
    ),
  })).tree;

test('layers leave what the specification says, and nothing outside of them is touched', async () => {
  const outside = path.join(base, 'outside');
  mkdirSync(path.join(outside, 'a'), { recursive: true });
  writeFileSync(path.join(outside, 'b'), 'kept');
  const before = seen(outside);
  await fc.assert(
    fc.asyncProperty(fc.array(trees(outside), { maxLength: 4 }), async (layers) => {
      rmSync(root, { recursive: true });
      mkdirSync(root);
      let expected: Seen = {};
      for (const tree of layers) {
        const layer = path.join(base, 'layer');
        mkdirSync(layer);
        write(layer, tree);
        await applyLayer(layer, root);
        expect(readdirSync(layer)).toEqual([]);
        rmSync(layer, { recursive: true });
        expected = applied(tree, expected);
      }
      expect(seen(root)).toEqual(expected);
      expect(seen(outside)).toEqual(before);
    }),
    { numRuns: 150 },
  );
});

function aLayer(build: (directory: string) => void): string {
  const layer = mkdtempSync(path.join(base, 'layer-'));
  build(layer);
  return layer;
}

test.each(['.wh.', '.wh..', '.wh...'])('a mark named %s is refused', async (name) => {
  writeFileSync(path.join(root, 'kept'), '');
  const layer = aLayer((directory) => writeFileSync(path.join(directory, name), ''));
  await expect(applyLayer(layer, root)).rejects.toThrow('is gone');
  expect(existsSync(path.join(root, 'kept'))).toBe(true);
});

test('a directory that a layer only passes through keeps its rights, and one that it describes gets new ones', async () => {
  for (const name of ['passed', 'described']) {
    mkdirSync(path.join(root, name));
    chmodSync(path.join(root, name), 0o1777);
  }
  const layer = aLayer((directory) => {
    for (const name of ['passed', 'described']) mkdirSync(path.join(directory, name));
    chmodSync(path.join(directory, 'passed'), 0o755);
    chmodSync(path.join(directory, 'described'), 0o700);
  });
  await applyLayer(layer, root);
  expect(statSync(path.join(root, 'passed')).mode & 0o7777).toBe(0o1777);
  expect(statSync(path.join(root, 'described')).mode & 0o7777).toBe(0o700);
});

test('names that are no UTF-8 are gone and replaced like others', async () => {
  const name = (start: string, end = ''): Buffer =>
    Buffer.concat([Buffer.from(`${start}/${end}`), Buffer.from([0x66, 0xff])]);
  writeFileSync(name(root), 'below');
  const layer = aLayer((directory) => writeFileSync(name(directory, '.wh.'), ''));
  await applyLayer(layer, root);
  expect(readdirSync(root)).toEqual([]);
});
