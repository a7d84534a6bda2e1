// Owns what the API says of a cluster as a whole, out of a view.
import { countsOf } from '@parley/cluster-view/counts';
import type { View } from '@parley/cluster-view/view';
import type * as z from 'zod';
import type { OverviewShape } from './shapes.ts';

export type Overview = z.infer<typeof OverviewShape>;

export const overviewOf = (view: View, about: { cluster: string; staleMs: number }): Overview => ({
  ...about,
  ...countsOf(view),
});
