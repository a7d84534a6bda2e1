// Owns the start of the page: it puts the console into the document.
import { render } from 'preact';
import { Console } from './console.tsx';
import { openServed } from './data/past.ts';

const root = document.getElementById('page');
if (root !== null) {
  const { window: name } = root.dataset;
  if (name !== undefined) void openServed(name);
  render(<Console />, root);
}
