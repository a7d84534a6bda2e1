// Owns what happens in a scripted history that tests of pages look at: a little of everything. It tests nothing itself.
import { aFramework, anAgentId, some } from '@parley/cluster/scripted-cluster';
import type { ScriptedHistory } from '@parley/replay/scripted-history';
import type { ScriptedGateway } from './scripted-gateway.ts';

/** Names that begin likewise, frameworks in roles below others, tasks in several states, offers that ended and others. */
export function play(history: ScriptedHistory, gateway: ScriptedGateway): void {
  const enter = history.enter.bind(history);
  history.enter = (...inputs) => {
    const effects = enter(...inputs);
    gateway.happened(effects);
    return effects;
  };
  const [one, ten] = [anAgentId('a1'), anAgentId('a10')];
  for (const agent of [one, ten, anAgentId('lost')]) history.register(agent, some(16));
  history.agentSilent(1, anAgentId('lost'));
  const [web, web2, gone] = [aFramework('web'), aFramework('web-2'), aFramework('gone')];
  const inEng = { role: 'eng' } as const;
  const inTeam = { role: 'eng/team' } as const;
  history.share([{ kind: 'role', role: 'eng', weight: 2000, limit: { cpus: 12_000 } }]);
  history.subscribe(web, { roles: ['eng'] });
  history.subscribe(web2, { roles: ['eng/team'] });
  history.subscribe(gone, { roles: ['eng'] });
  const ended = (['finished', 'finished', 'failed', 'killed'] as const).entries();
  for (const [index, state] of ended) {
    const task = history.launch(web, `ended-${index}`, some(1), one, inEng);
    history.update(task, 'running', { agentId: one });
    history.update(task, state, { agentId: one });
  }
  for (const agent of [one, ten, ten]) {
    const task = history.launch(web2, `runs-${history.sequence}`, some(1), agent, inTeam);
    history.update(task, 'running', { agentId: agent });
  }
  history.launch(web, 'begins', some(1), ten, inEng);
  history.offer(web, some(1), one, inEng);
  history.frameworkCall(gone, { verb: 'teardown', body: {} });
}
