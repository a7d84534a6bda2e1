// Owns the page of the machinery itself: which masters and gateways there are and who leads, how fresh this gateway's
// knowledge is, what the bus keeps, who is signed in, versions.
import { events } from '../data/events.ts';
import { session } from '../data/gateway.ts';
import { lostSinceMs } from '../data/live.ts';
import { isPast, openedFile, past } from '../data/past.ts';
import { useOverview } from '../data/rows.ts';
import { useAsked } from '../data/use-asked.ts';
import { counted, showBytes, showCount } from '../format/amounts.ts';
import { showDuration } from '../format/times.ts';
import { linkTo } from '../navigation.ts';
import { Command, Empty } from '../parts/command.tsx';
import { Count } from '../parts/count.tsx';
import { Facts } from '../parts/facts.tsx';
import { WhenWall } from '../parts/when.tsx';

type Ready = { readonly journalSequence: number; readonly staleMs: number };
type Version = { readonly version?: string };

type Member = {
  readonly version: string;
  readonly startedWallMs: number | null;
  readonly silentMs: number;
};
type MasterRow = Member & {
  readonly id: string;
  readonly phase: 'following' | 'opening' | 'leading' | 'leaving' | 'silent';
  readonly lagEntries: number | null;
};
type GatewayRow = Member & {
  readonly instance: string;
  readonly operator: string;
  readonly url: string;
  readonly agentId: string | null;
  readonly isThis: boolean;
};

/** As `/v1/system` tells it. */
type MachineryAnswer = {
  readonly leader: string | null;
  readonly masters: readonly MasterRow[];
  readonly gateways: readonly GatewayRow[];
  readonly rulesVersion: number;
  readonly gateway: {
    readonly sequence: number;
    readonly behind: number;
    readonly staleMs: number;
  };
  readonly snapshot: { readonly sequence: number; readonly ageMs: number } | null;
  readonly streams: readonly {
    readonly name: string;
    readonly messages: number;
    readonly bytes: number;
    readonly firstSequence: number;
    readonly lastSequence: number;
  }[];
  readonly updates: readonly { readonly principal: string; readonly readUpTo: number }[];
};

const LOOK_MS = 2000;

export const System = () => (
  <>
    <h1>System</h1>
    {isPast.value && <Then />}
    {openedFile.value === undefined && <Machinery />}
  </>
);

/** What is known of the moment that is shown. */
function Then() {
  const overview = useOverview();
  const shown = past.value;
  const file = openedFile.value;
  return (
    <>
      <Facts
        facts={[
          ['leading master then', overview?.leader ?? 'nobody led'],
          [
            'entries in the journal then',
            overview === undefined ? '…' : showCount(overview.moment.sequence),
          ],
          ...(file === undefined || shown === undefined
            ? []
            : ([
                ['this window is of the file', file],
                ['it begins after entry', showCount(shown.player.firstSequence)],
                [
                  'events of it until this moment',
                  <Count key="until" of={shown.count} href={linkTo('events')} />,
                ],
              ] as const)),
        ]}
      />
      <Empty
        words={
          file === undefined
            ? 'The rest is as it is now:'
            : 'Streams, snapshots and sessions are not in an exported window.'
        }
      />
    </>
  );
}

function Machinery() {
  const ready = useAsked<Ready>('/readyz', LOOK_MS);
  const version = useAsked<Version>('/version');
  const { answer: machinery } = useAsked<MachineryAnswer>('/v1/system', LOOK_MS);
  return (
    <>
      <Facts
        facts={[
          ['leading master', machinery?.leader ?? (machinery ? 'nobody leads' : '…')],
          [
            'entries in the journal',
            ready.answer === undefined
              ? (ready.problem ?? '…')
              : showCount(ready.answer.journalSequence),
          ],
          [
            'knowledge of this gateway',
            ready.answer === undefined
              ? '…'
              : ready.answer.staleMs === 0
                ? 'up to date'
                : `${showDuration(ready.answer.staleMs)} old`,
          ],
          ...(machinery === undefined ? [] : factsOf(machinery)),
          ['feed of this page', lostSinceMs.value === undefined ? 'open' : 'lost: trying again'],
          [
            'events known to this page',
            <Count key="events" of={events.value.length} href={linkTo('events')} />,
          ],
          [
            'signed in as',
            session.value === undefined
              ? '…'
              : `${session.value.name} (${session.value.permissions.join(', ')})`,
          ],
          ['speaks Mesos', version.answer?.version ?? '…'],
          [
            'for scripts',
            <a key="api" href="/openapi.json" target="_blank" rel="noreferrer">
              the HTTP API
            </a>,
          ],
          [
            'for Prometheus',
            <a key="metrics" href="/metrics" target="_blank" rel="noreferrer">
              metrics
            </a>,
          ],
          ['the same in a terminal', <Command key="command" words="npx parley status" />],
        ]}
      />
      {machinery !== undefined && <Masters of={machinery.masters} />}
      {machinery !== undefined && <Gateways of={machinery.gateways} />}
      {machinery !== undefined && <Streams of={machinery} />}
      <form method="post" action="/sign-out" hidden={session.value?.csrfToken == null}>
        <input type="hidden" name="csrf" value={session.value?.csrfToken ?? ''} />
        <button type="submit">Sign out</button>
      </form>
    </>
  );
}

const factsOf = ({ gateway, snapshot, rulesVersion }: MachineryAnswer) =>
  [
    ['this gateway is behind by', counted(gateway.behind, 'entry', 'entries')],
    [
      'newest snapshot',
      snapshot === null
        ? 'none yet'
        : `of entry ${showCount(snapshot.sequence)}, ${showDuration(snapshot.ageMs)} old`,
    ],
    ['rules', `version ${rulesVersion}`],
  ] as const;

const PHASES: Record<MasterRow['phase'], string> = {
  following: 'stands by',
  opening: 'begins to lead',
  leading: 'leads',
  leaving: 'hands over',
  silent: 'led before',
};
/** So long a silence is none: signs of life come that far apart. */
const MASTER_QUIET_MS = 3500;
const GATEWAY_QUIET_MS = 12_000;

const Masters = ({ of: masters }: { readonly of: readonly MasterRow[] }) => (
  <section aria-label="masters">
    <h2>Masters</h2>
    {masters.length === 0 && <Empty words="No master was heard in the last minute." />}
    <table class="plain" hidden={masters.length === 0}>
      <thead>
        <tr>
          <th>master</th>
          <th>role</th>
          <th>heard</th>
          <th>started</th>
          <th>version</th>
          <th>behind</th>
        </tr>
      </thead>
      <tbody>
        {masters.map((master) => (
          <tr key={master.id}>
            <td>{master.id}</td>
            <td>{PHASES[master.phase]}</td>
            <Times of={master} quietMs={MASTER_QUIET_MS} />
            <td>
              {master.lagEntries === null ? '–' : counted(master.lagEntries, 'entry', 'entries')}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </section>
);

const Gateways = ({ of: gateways }: { readonly of: readonly GatewayRow[] }) => (
  <section aria-label="gateways">
    <h2>Gateways</h2>
    {gateways.length === 0 && <Empty words="No gateway was heard in the last minute." />}
    <table class="plain" hidden={gateways.length === 0}>
      <thead>
        <tr>
          <th>address</th>
          <th>for</th>
          <th>heard</th>
          <th>started</th>
          <th>version</th>
          <th>runs as</th>
        </tr>
      </thead>
      <tbody>
        {gateways.map((gateway) => (
          <tr key={`${gateway.operator} ${gateway.instance}`}>
            <td>
              {gateway.url}
              {gateway.isThis && ' (this one)'}
            </td>
            <td>{gateway.agentId === null ? 'everybody' : `executors of ${gateway.agentId}`}</td>
            <Times of={gateway} quietMs={GATEWAY_QUIET_MS} />
            <td>{gateway.operator}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </section>
);

const Times = ({ of: member, quietMs }: { readonly of: Member; readonly quietMs: number }) => (
  <>
    <td>{member.silentMs <= quietMs ? 'now' : `silent for ${showDuration(member.silentMs)}`}</td>
    <td>{member.startedWallMs === null ? '–' : <WhenWall wallMs={member.startedWallMs} />}</td>
    <td>{member.version}</td>
  </>
);

/** What the bus keeps, and how far it is read. */
const Streams = ({ of: { streams, updates } }: { readonly of: MachineryAnswer }) => (
  <section aria-label="streams">
    <h2>Streams</h2>
    <table class="plain">
      <thead>
        <tr>
          <th>stream</th>
          <th>messages</th>
          <th>size</th>
          <th>first</th>
          <th>last</th>
        </tr>
      </thead>
      <tbody>
        {streams.map(({ name, messages, bytes, firstSequence, lastSequence }) => (
          <tr key={name}>
            <td>{name}</td>
            <td>{showCount(messages)}</td>
            <td>{showBytes(bytes)}</td>
            <td>{showCount(firstSequence)}</td>
            <td>{showCount(lastSequence)}</td>
          </tr>
        ))}
      </tbody>
    </table>
    {updates.length > 0 && (
      <p class="soft">
        Updates of tasks are read by the leader up to{' '}
        {updates
          .map(({ principal, readUpTo }) => `${showCount(readUpTo)} of ${principal}`)
          .join(', ')}
        .
      </p>
    )}
  </section>
);
