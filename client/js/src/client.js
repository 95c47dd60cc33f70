import { WaybookProblem } from './errors.js';
import { Operating } from './operating.js';
import { isAway, sleep } from './support.js';

/**
 * @import {
 *   EndInfo, EstablishedInfo, HopInfo, OpenForm, PlaceInfo, PresentationInfo, ProfileInfo, ProgressInfo,
 *   SessionDetail, SessionInfo, SetupDetail, SetupInfo, SurveyInfo, TraceInfo, TreePlaceInfo
 * } from '../types/forms.js'
 */

/**
 * @typedef {object} Settings
 * @property {string} [at] The place of the tree that is asked; the daemon's own without it.
 * @property {string} [traceparent] A span of the caller's own (W3C Trace Context) that set-ups belong to.
 * @property {typeof globalThis.fetch} [fetch] What sends requests, in place of the global `fetch`.
 */

/**
 * @typedef {object} Asking
 * @property {AbortSignal} [signal] Gives the request up; the promise is then rejected with the
 *   signal's reason.
 */

/**
 * @typedef {object} Opening
 * @property {(progress: ProgressInfo) => void} [onProgress] Hears of each step on the way.
 * @property {AbortSignal} [signal] Gives the set-up up.
 */

/**
 * @typedef {object} Waiting
 * @property {(error: Error) => void} [onAway] Hears each time that the daemon was found away.
 * @property {AbortSignal} [signal] Gives the waiting up. The session is not touched.
 */

/** How long to wait before a daemon that is away is tried again, at first and at most. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;

/**
 * Reaches one place, and through it every other one of its tree.
 *
 * Every method rejects with a `WaybookProblem` if the daemon answers with one, with
 * `WaybookUnreachable` if there is no answer, and with `WaybookAnswer` if it cannot be read.
 */
export class Waybook extends Operating {
  /**
   * The same daemon, asked on behalf of another place: requests travel through the tree, and that
   * place answers.
   * @param {string} place
   */
  at(place) {
    const { url, token, settings } = this.requests;
    return new Waybook(url, token, { ...settings, at: place });
  }

  /**
   * The place: its connections, addresses, resources and counters.
   * @param {Asking} [asking]
   * @returns {Promise<PlaceInfo>}
   */
  place(asking) {
    return this.requests.ask('GET', ['place'], asking);
  }

  /**
   * The place and all below it, as far as they have said how they do.
   * @param {Asking} [asking]
   * @returns {Promise<TreePlaceInfo[]>}
   */
  tree(asking) {
    return this.requests.ask('GET', ['tree'], asking);
  }

  /**
   * The presentations that are served in the place's locality.
   * @param {Asking} [asking]
   * @returns {Promise<PresentationInfo[]>}
   */
  presentations(asking) {
    return this.requests.ask('GET', ['presentations'], asking);
  }

  /**
   * The place serves a presentation from now on.
   * @param {string} toml The text of a presentation file.
   * @param {Asking} [asking]
   * @returns {Promise<PresentationInfo>}
   */
  publish(toml, asking) {
    const headers = { 'content-type': 'application/toml' };
    return this.requests.ask('PUT', ['presentations'], { ...asking, headers, body: toml });
  }

  /**
   * The place no longer serves a presentation.
   * @param {string} title
   * @param {Asking} [asking]
   */
  withdraw(title, asking) {
    return this.requests.tell('DELETE', ['presentations', title], asking);
  }

  /**
   * Opens a session and waits until it stands. Claim it soon: one that nobody claims is released.
   *
   * A refusal is a `WaybookProblem` that says for each solution of the plan where and why it was
   * refused. To try again after the connection broke, send the same `key`: it gives the same
   * session, if there is one by now.
   * @param {OpenForm} form
   * @param {Opening} [opening]
   * @returns {Promise<EstablishedInfo>}
   */
  open(form, { onProgress, signal } = {}) {
    return this.requests.watch(['sessions'], form, 'established', onProgress, signal);
  }

  /**
   * Asks what an open would do.
   * @param {OpenForm} form
   * @param {Asking} [asking]
   * @returns {Promise<SurveyInfo>}
   */
  dryRun(form, asking) {
    return this.requests.ask('POST', ['dry-run'], { ...asking, form });
  }

  /**
   * The sessions whose client's place it is.
   * @param {Asking} [asking]
   * @returns {Promise<SessionInfo[]>}
   */
  sessions(asking) {
    return this.requests.ask('GET', ['sessions'], asking);
  }

  /**
   * The profile of a user as the place has it: `ann` of its own, `ann@core/bologna` of another place's.
   * @param {string} user
   * @param {Asking} [asking]
   * @returns {Promise<ProfileInfo>}
   */
  profile(user, asking) {
    return this.requests.ask('GET', ['profiles', user], asking);
  }

  /**
   * A session with every hop.
   * @param {string} id
   * @param {Asking} [asking]
   * @returns {Promise<SessionDetail>}
   */
  session(id, asking) {
    return this.requests.ask('GET', ['sessions', id], asking);
  }

  /**
   * What the place knows of a session that it is a hop of.
   * @param {string} id
   * @param {Asking} [asking]
   * @returns {Promise<HopInfo>}
   */
  hop(id, asking) {
    return this.requests.ask('GET', ['hops', id], asking);
  }

  /**
   * Says that a session is going to be used.
   * @param {string} id
   * @param {Asking} [asking]
   */
  claim(id, asking) {
    return this.requests.tell('POST', ['sessions', id, 'claim'], asking);
  }

  /**
   * Ends a session, or its set-up.
   * @param {string} id
   * @param {Asking} [asking]
   */
  close(id, asking) {
    return this.requests.tell('DELETE', ['sessions', id], asking);
  }

  /**
   * Waits until a session is over, and says why.
   *
   * While the daemon is away or too busy it is asked again and again: a session outlives a restart
   * of its place. So this may wait for ever, but for its signal.
   * @param {string} id
   * @param {Waiting} [waiting]
   * @returns {Promise<EndInfo>}
   */
  async ended(id, { onAway, signal } = {}) {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      const began = Date.now();
      try {
        return await this.requests.ask('GET', ['sessions', id, 'end'], { signal });
      } catch (error) {
        if (error instanceof WaybookProblem && error.end) return error.end;
        if (!isAway(error)) throw error;
        onAway?.(error);
      }
      // It was there in the meantime.
      if (Date.now() - began > LONGEST_PAUSE) pause = FIRST_PAUSE;
      await sleep(pause, signal);
    }
  }

  /**
   * The set-ups that the place remembers, the latest first.
   * @param {Asking} [asking]
   * @returns {Promise<SetupInfo[]>}
   */
  setups(asking) {
    return this.requests.ask('GET', ['setups'], asking);
  }

  /**
   * A set-up with what was tried, and why it was refused.
   * @param {string} session
   * @param {Asking} [asking]
   * @returns {Promise<SetupDetail>}
   */
  setup(session, asking) {
    return this.requests.ask('GET', ['setups', session], asking);
  }

  /**
   * What took how long during a set-up, at all its places.
   * @param {string} session
   * @param {Asking} [asking]
   * @returns {Promise<TraceInfo>}
   */
  trace(session, asking) {
    return this.requests.ask('GET', ['setups', session, 'trace'], asking);
  }
}
