// Owns what is asked of a call before it goes to the journal: the principal's rate, the register of principals, the
// rules of the authorisation file. What is refused here is answered, counted, and logged once.
import type { Call } from '@parley/cluster/inputs';
import type { Failure } from '@parley/protocol/errors';
import { type FrameworkRef, frameworkKey, type RoleName } from '@parley/protocol/ids';
import type { PrincipalRecord } from '@parley/protocol/operators';
import { type AuthorizationRules, decide, OTHERWISE } from './authorization.ts';
import { attemptsOf, type NamedAttempt } from './authorization-attempts.ts';
import type { IncomingCall } from './calls.ts';
import type { ClusterView } from './cluster-view.ts';
import { PrincipalRoles } from './principal-roles.ts';
import { type RateLimitSettings, RateLimits } from './rate-limits.ts';
import { type RefusalLine, RefusalLog } from './refusal-log.ts';

/** Name under which denials by the register of principals are counted. */
const REGISTER = 'register of principals';
const RATE = 'rate limit';

export type GateOptions = {
  readonly view: ClusterView;
  readonly rateLimits?: RateLimitSettings | undefined;
  /** Those in force now; undefined: everything is allowed. */
  readonly rules?: (() => AuthorizationRules | undefined) | undefined;
};

export type GateAnswer =
  | { readonly pass: true }
  | {
      readonly pass: false;
      readonly failure: Failure;
      /** The register of principals should be read again. */
      readonly refresh: boolean;
    };

const PASS: GateAnswer = { pass: true };

export class CallGate {
  readonly #view: ClusterView;
  readonly #rules: () => AuthorizationRules | undefined;
  readonly #limits: RateLimits;
  readonly #roles = new PrincipalRoles();
  readonly #refusals = new RefusalLog();

  constructor({ view, rateLimits, rules }: GateOptions) {
    this.#view = view;
    this.#rules = rules ?? (() => undefined);
    this.#limits = new RateLimits(rateLimits);
  }

  get rates(): Pick<RateLimits, 'counters'> {
    return this.#limits;
  }

  /** Calls denied since the term began, by the name of the rule. */
  get denied(): ReadonlyMap<string, number> {
    return this.#refusals.counts;
  }

  principalsRead(records: ReadonlyMap<string, PrincipalRecord>, nowMs: number): void {
    this.#roles.replace(records, nowMs);
  }

  admit(call: IncomingCall, nowMs: number): GateAnswer {
    return (
      this.#tooOften(call, nowMs) ?? this.#wrongRole(call, nowMs) ?? this.#denied(call) ?? PASS
    );
  }

  /** An admitted call is on its way into the journal. */
  opened({ caller }: Pick<IncomingCall, 'caller'>): void {
    if (caller.kind === 'framework') this.#limits.opened(caller.principal);
  }

  answered({ caller }: Pick<IncomingCall, 'caller'>): void {
    if (caller.kind === 'framework') this.#limits.answered(caller.principal);
  }

  /** Lines for the log about what was refused since the last call of this. */
  takeLines(nowMs: number): RefusalLine[] {
    return this.#refusals.takeLines(nowMs);
  }

  #tooOften({ caller, call }: IncomingCall, nowMs: number): GateAnswer | undefined {
    if (caller.kind !== 'framework') return undefined;
    const failure = this.#limits.admit(caller.principal, nowMs, this.#isOwed(caller, call));
    if (failure === undefined) return undefined;
    this.#refusals.add(RATE, caller.principal, { verb: call.verb, reason: failure.message });
    return { pass: false, failure, refresh: false };
  }

  /**
   * Never refused for coming too often: an acknowledgement of what is there to be acknowledged is work that the leader
   * caused, and a teardown of a framework that is there is the end of all its calls. Heartbeats do not come this way at
   * all. They still use up what the principal has.
   */
  #isOwed(framework: FrameworkRef, call: Call): boolean {
    if (call.verb === 'teardown') return this.#view.frameworkRoles(framework) !== undefined;
    if (call.verb !== 'acknowledgeEvents') return false;
    return call.body.upTo >= (this.#view.oldestEvent(framework) ?? Number.POSITIVE_INFINITY);
  }

  #wrongRole({ caller, call }: IncomingCall, nowMs: number): GateAnswer | undefined {
    if (caller.kind !== 'framework') return undefined;
    const { principal } = caller;
    for (const role of rolesNamed(call)) {
      const decision = this.#roles.decide(principal, role, nowMs);
      if (decision.allowed) continue;
      const { failure, refresh } = decision;
      if (!refresh) this.#refusals.add(REGISTER, principal, { verb: call.verb, role });
      return { pass: false, failure, refresh };
    }
    return undefined;
  }

  #denied(call: IncomingCall): GateAnswer | undefined {
    const rules = this.#rules();
    if (rules === undefined) return undefined;
    for (const attempt of attemptsOf(call, this.#view)) {
      const verdict = decide(rules, attempt);
      if (verdict.allow) continue;
      const { action, target, by } = attempt;
      this.#refusals.add(verdict.rule, `${by} ${action}`, { principal: by, action, ...target });
      return { pass: false, failure: notPermitted(attempt, verdict.rule), refresh: false };
    }
    return undefined;
  }
}

/** Those that the register of principals is asked about. */
function rolesNamed(call: IncomingCall['call']): readonly RoleName[] {
  if (call.verb === 'subscribe') return call.body.roles;
  return call.verb === 'updateFramework' ? (call.body.roles ?? []) : [];
}

function notPermitted({ by, what, target }: NamedAttempt, rule: string): Failure {
  const { role, framework, agentId } = target;
  const on = [
    ...(framework === undefined ? [] : [`framework ${frameworkKey(framework)}`]),
    ...(role === undefined ? [] : [`role ${role}`]),
    ...(agentId === undefined ? [] : [`agent ${agentId}`]),
  ].join(', ');
  const why =
    rule === OTHERWISE ? 'no rule allows it, and "otherwise" denies' : `rule "${rule}" denies it`;
  return {
    code: 'notPermitted',
    message: `${by} may not do this: ${what} (${on}): ${why}. An operator can change the master's authorization file and send the master SIGHUP`,
  };
}
