// Owns a number of rows: a link to the list of just those.
import { showCount } from '../format/amounts.ts';

export const Count = ({ of: count, href }: { readonly of: number; readonly href: string }) => (
  <a data-count={count} href={href}>
    {showCount(count)}
  </a>
);
