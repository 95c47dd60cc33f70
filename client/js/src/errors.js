/** @import { EndInfo, Problem, RefusalInfo, SolutionInfo } from '../types/forms.js' */

/** What all errors of this client have in common. */
export class WaybookError extends Error {
  /**
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Nothing answers at the address, or the connection broke. What broke it is the `cause`. */
export class WaybookUnreachable extends WaybookError {
  /**
   * @param {string} address
   * @param {unknown} cause
   */
  constructor(address, cause) {
    super(`the place's daemon at ${address} cannot be reached: ${reason(cause)}`, { cause });
    /** Where it should answer. */
    this.address = address;
  }
}

/** The daemon's answer is not what this client knows: it may be of another version. */
export class WaybookAnswer extends WaybookError {
  /** @param {string} what */
  constructor(what) {
    super(`the daemon's answer cannot be read (${what}): is it of another version?`);
  }
}

/** The daemon answered with a problem (RFC 9457). The message is the problem's detail. */
export class WaybookProblem extends WaybookError {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail);
    /** The problem as it came. */
    this.problem = problem;
    /** The kind: `refused`, `unknown-session`, `unauthorized` and so on. */
    this.kind = problem.type.replace('urn:waybook:problem:', '');
    /** The status of the answer. */
    this.status = problem.status;
    /** The place that says so. */
    this.place = problem.place ?? undefined;
    /** For a refused session: its number, by which its set-up is remembered for a while. */
    this.session = problem.session ?? undefined;
    /**
     * For a refused session: for each solution, where and why, and as `remedy` what would have to
     * change.
     * @type {RefusalInfo[]}
     */
    this.refused = problem.refused ?? [];
    /**
     * For a refused session: the plan that was tried.
     * @type {SolutionInfo[]}
     */
    this.solutions = problem.solutions ?? [];
    /**
     * For a session that is over: why.
     * @type {EndInfo | undefined}
     */
    this.end = problem.end ?? undefined;
  }

  /** For a refused session: what would have to change, each sentence once. */
  get remedies() {
    return [...new Set(this.refused.map((refusal) => refusal.remedy))];
  }
}

/**
 * Node hides what happened in a cause of its own.
 * @param {unknown} error
 * @returns {string}
 */
function reason(error) {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message;
}
