// Owns under which other names Mesos's paths are reached: its tools put the name of the process before them, which its
// own server takes off again. What is answered is in the groups of routes (routes.ts).

/** `/slave(7)/state` is looked for here, as `/mesos-agents/7/state`: a router takes brackets for a pattern. */
export const AGENT_PAGES = '/mesos-agents';

const MASTER_PREFIX = /^\/master(?=\/)/;
const AGENT_PREFIX = /^\/slave(?:\(|%28)(\d{1,16})(?:\)|%29)(?=\/|$|\?)/i;
/** Executors know the path of their agent, and ask the gateway on its host. */
const EXECUTOR_PATH = /^\/api\/v1\/executor\/?(?=$|\?)/;

/** At the gateway of an agent `/api/v1` is the agent's: of the master there is another name for it. */
const MASTER_API = /^\/api\/v1\/?(?=$|\?)/;

/** The path, with its query, under which a request is answered. */
export function routedUrl(url: string): string {
  const agent = AGENT_PREFIX.exec(url);
  if (agent === null) {
    const own = url.replace(MASTER_PREFIX, '');
    return own === url ? url : own.replace(MASTER_API, '/api/v1/operator');
  }
  const rest = url.slice(agent[0].length);
  return EXECUTOR_PATH.test(rest) ? rest : `${AGENT_PAGES}/${agent[1]}${rest}`;
}
