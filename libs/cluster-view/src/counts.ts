// Owns the numbers of a cluster as a whole, out of a view. Pure; runs in a browser.
import type { View } from './view.ts';

export function countsOf(view: View) {
  const { moment, total, allocated, offered, leader = null, offers } = view;
  return {
    ...{ moment, leader, total, allocated, offered },
    agents: { registered: 0, unreachable: 0, ...view.agents.states },
    frameworks: { subscribed: 0, disconnected: 0, ...view.frameworks.states },
    tasks: view.tasks.states,
    offers: offers.size,
  };
}
