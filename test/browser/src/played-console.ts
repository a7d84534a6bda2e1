// Owns the scene of tests of single pages: a browser, and a scripted gateway over a history that was played to its end. It
// tests nothing itself.
import { ScriptedHistory } from '@parley/replay/scripted-history';
import { BrowserFixture } from './browser-fixture.ts';
import { ScriptedGateway } from './scripted-gateway.ts';
import { play } from './scripted-play.ts';

export type PlayedConsole = {
  readonly browser: BrowserFixture;
  readonly gateway: ScriptedGateway;
  readonly url: string;
};

/** Browser and gateway are for the caller to close. */
export async function openPlayedConsole(): Promise<PlayedConsole> {
  const history = new ScriptedHistory();
  history.startTerm();
  const browser = await new BrowserFixture().start();
  const gateway = new ScriptedGateway(history);
  const url = await gateway.start();
  play(history, gateway);
  return { browser, gateway, url };
}
