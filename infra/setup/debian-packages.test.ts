// How the Debian mirror of this machine is read out of apt's own description of its sources.
import { expect, test } from 'vitest';
import { pickMirror } from './debian-packages.mjs';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

test('the mirror is that of the running release, not of another repository', () => {
  const targets = [
    'https://deb.example.org/node_20.x|nodistro|main|/usr/share/keyrings/node.gpg',
    'http://mirror.example.org/debian-security|bookworm-security|main|',
    'http://mirror.example.org/debian|bookworm|contrib|',
    'http://mirror.example.org/debian|bookworm|main|/etc/apt/keyrings/own.gpg',
  ].join('\n');
  expect(pickMirror(targets, 'bookworm')).toEqual({
    uri: 'http://mirror.example.org/debian',
    signedBy: '/etc/apt/keyrings/own.gpg',
  });
});

test("a source without a keyring of its own is checked with Debian's", () => {
  // apt leaves the placeholder as it is when a source names no keyring.
  const targets = 'mirror+file:/etc/apt/mirrors/debian.list|bookworm|main|$(SIGNED_BY)\n';
  expect(pickMirror(targets, 'bookworm')).toEqual({
    uri: 'mirror+file:/etc/apt/mirrors/debian.list',
    signedBy: keyring,
  });
});

test('sources without the running release give no mirror', () => {
  expect(pickMirror('http://mirror.example.org/debian|trixie|main|', 'bookworm')).toBeUndefined();
  expect(pickMirror('', 'bookworm')).toBeUndefined();
});
