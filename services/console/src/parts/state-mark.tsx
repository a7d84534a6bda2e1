// Owns how a state looks: a sign and the word, so that colour is never all that says it.

type Tone = 'good' | 'busy' | 'bad' | 'plain';

const MARKS: Readonly<Record<string, readonly [string, Tone]>> = {
  staging: ['◔', 'busy'],
  starting: ['◑', 'busy'],
  running: ['▶', 'good'],
  killing: ['◌', 'busy'],
  unreachable: ['?', 'bad'],
  finished: ['✓', 'good'],
  failed: ['✕', 'bad'],
  killed: ['■', 'plain'],
  error: ['!', 'bad'],
  dropped: ['↧', 'bad'],
  gone: ['∅', 'bad'],
  registered: ['●', 'good'],
  subscribed: ['●', 'good'],
  disconnected: ['○', 'bad'],
  removed: ['■', 'plain'],
  active: ['●', 'good'],
  deactivated: ['○', 'plain'],
  draining: ['◐', 'busy'],
  outstanding: ['◔', 'busy'],
  accepted: ['✓', 'good'],
  declined: ['–', 'plain'],
  rescinded: ['↶', 'plain'],
};

export function StateMark({ state }: { readonly state: string }) {
  const [sign, tone] = MARKS[state.split(':')[0] ?? ''] ?? ['·', 'plain'];
  return (
    <span class={`state ${tone}`}>
      <span aria-hidden="true">{sign}</span> {state}
    </span>
  );
}
