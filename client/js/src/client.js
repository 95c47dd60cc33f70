import { WaybookProblem } from './errors.js';
import { Requests } from './requests.js';
import { base64, isAway, sleep } from './support.js';

/**
 * @import {
 *   BookingInfo, CodeDetail, CodeInfo, EndInfo, EstablishedInfo, HopInfo, LinksInfo, LogInfo, OpenForm,
 *   PlaceInfo, PresentationInfo, ProgressInfo, ReleaseInfo, SessionDetail, SessionInfo, SetupDetail,
 *   SetupInfo, StrategyInfo, SurveyInfo, TraceInfo, TransferInfo, TreePlaceInfo
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
export class Waybook {
  /** @type {Requests} */ #requests;

  /**
   * @param {string | URL} url Where the control API answers, such as `http://127.0.0.1:7000`.
   * @param {string} token The token of the place's data folder (its file `token`).
   * @param {Settings} [settings]
   */
  constructor(url, token, settings = {}) {
    this.#requests = new Requests(url, token, settings);
  }

  /**
   * The same daemon, asked on behalf of another place: requests travel through the tree, and that
   * place answers.
   * @param {string} place
   */
  at(place) {
    const { url, token, settings } = this.#requests;
    return new Waybook(url, token, { ...settings, at: place });
  }

  /**
   * The place: its connections, addresses, resources and counters.
   * @param {Asking} [asking]
   * @returns {Promise<PlaceInfo>}
   */
  place(asking) {
    return this.#requests.ask('GET', ['place'], asking);
  }

  /**
   * The place and all below it, as far as they have said how they do.
   * @param {Asking} [asking]
   * @returns {Promise<TreePlaceInfo[]>}
   */
  tree(asking) {
    return this.#requests.ask('GET', ['tree'], asking);
  }

  /**
   * What came from the place's neighbours and clients, and what of it was in vain.
   * @param {Asking} [asking]
   * @returns {Promise<LinksInfo>}
   */
  links(asking) {
    return this.#requests.ask('GET', ['links'], asking);
  }

  /**
   * What the daemon logs.
   * @param {Asking} [asking]
   * @returns {Promise<LogInfo>}
   */
  log(asking) {
    return this.#requests.ask('GET', ['log'], asking);
  }

  /**
   * The daemon logs that from now on, until it is started again.
   * @param {string} filter
   * @param {Asking} [asking]
   * @returns {Promise<LogInfo>}
   */
  setLog(filter, asking) {
    return this.#requests.ask('PUT', ['log'], { ...asking, form: { filter } });
  }

  /**
   * The place's figures for collectors, in the text of OpenMetrics.
   * @param {Asking} [asking]
   * @returns {Promise<string>}
   */
  metrics(asking) {
    return this.#requests.text('GET', ['metrics'], asking);
  }

  /**
   * The bookings at the place.
   * @param {Asking} [asking]
   * @returns {Promise<BookingInfo[]>}
   */
  bookings(asking) {
    return this.#requests.ask('GET', ['bookings'], asking);
  }

  /**
   * The presentations that are served in the place's locality.
   * @param {Asking} [asking]
   * @returns {Promise<PresentationInfo[]>}
   */
  presentations(asking) {
    return this.#requests.ask('GET', ['presentations'], asking);
  }

  /**
   * The place serves a presentation from now on.
   * @param {string} toml The text of a presentation file.
   * @param {Asking} [asking]
   * @returns {Promise<PresentationInfo>}
   */
  publish(toml, asking) {
    const headers = { 'content-type': 'application/toml' };
    return this.#requests.ask('PUT', ['presentations'], { ...asking, headers, body: toml });
  }

  /**
   * The place no longer serves a presentation.
   * @param {string} title
   * @param {Asking} [asking]
   */
  withdraw(title, asking) {
    return this.#requests.tell('DELETE', ['presentations', title], asking);
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
    return this.#requests.watch(['sessions'], form, 'established', onProgress, signal);
  }

  /**
   * Asks what an open would do.
   * @param {OpenForm} form
   * @param {Asking} [asking]
   * @returns {Promise<SurveyInfo>}
   */
  dryRun(form, asking) {
    return this.#requests.ask('POST', ['dry-run'], { ...asking, form });
  }

  /**
   * The sessions whose client's place it is.
   * @param {Asking} [asking]
   * @returns {Promise<SessionInfo[]>}
   */
  sessions(asking) {
    return this.#requests.ask('GET', ['sessions'], asking);
  }

  /**
   * A session with every hop.
   * @param {string} id
   * @param {Asking} [asking]
   * @returns {Promise<SessionDetail>}
   */
  session(id, asking) {
    return this.#requests.ask('GET', ['sessions', id], asking);
  }

  /**
   * What the place knows of a session that it is a hop of.
   * @param {string} id
   * @param {Asking} [asking]
   * @returns {Promise<HopInfo>}
   */
  hop(id, asking) {
    return this.#requests.ask('GET', ['hops', id], asking);
  }

  /**
   * Says that a session is going to be used.
   * @param {string} id
   * @param {Asking} [asking]
   */
  claim(id, asking) {
    return this.#requests.tell('POST', ['sessions', id, 'claim'], asking);
  }

  /**
   * Ends a session, or its set-up.
   * @param {string} id
   * @param {Asking} [asking]
   */
  close(id, asking) {
    return this.#requests.tell('DELETE', ['sessions', id], asking);
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
        return await this.#requests.ask('GET', ['sessions', id, 'end'], { signal });
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
    return this.#requests.ask('GET', ['setups'], asking);
  }

  /**
   * A set-up with what was tried, and why it was refused.
   * @param {string} session
   * @param {Asking} [asking]
   * @returns {Promise<SetupDetail>}
   */
  setup(session, asking) {
    return this.#requests.ask('GET', ['setups', session], asking);
  }

  /**
   * What took how long during a set-up, at all its places.
   * @param {string} session
   * @param {Asking} [asking]
   * @returns {Promise<TraceInfo>}
   */
  trace(session, asking) {
    return this.#requests.ask('GET', ['setups', session, 'trace'], asking);
  }

  /**
   * The code that the place holds or that is on its way there; `everywhere`, also what the rest of
   * its locality is known to hold.
   * @param {Asking & { everywhere?: boolean }} [asking]
   * @returns {Promise<CodeInfo[]>}
   */
  components({ everywhere = false, signal } = {}) {
    return this.#requests.ask('GET', ['components'], { signal, query: everywhere ? { everywhere: 'true' } : {} });
  }

  /**
   * All that the place knows of some code.
   * @param {string} code `name@version`, `name`, or `sha256:` and at least six digits.
   * @param {Asking} [asking]
   * @returns {Promise<CodeDetail>}
   */
  component(code, asking) {
    return this.#requests.ask('GET', ['components', code], asking);
  }

  /**
   * Adds code at the place.
   * @param {Blob | BufferSource} binary
   * @param {Asking & { manifest?: string, signature?: string }} [asking] The text of its
   *   `component.toml`, and of the file that `waybook component sign` writes.
   * @returns {Promise<CodeInfo>}
   */
  addComponent(binary, { manifest, signature, signal } = {}) {
    /** @type {Record<string, string>} */
    const headers = { 'content-type': 'application/wasm' };
    if (manifest !== undefined) headers['waybook-manifest'] = base64(manifest);
    if (signature !== undefined) headers['waybook-signature'] = signature.trim();
    return this.#requests.ask('POST', ['components'], { signal, headers, body: binary });
  }

  /**
   * The place no longer holds the code, nor offers it.
   * @param {string} code
   * @param {Asking} [asking]
   */
  removeComponent(code, asking) {
    return this.#requests.tell('DELETE', ['components', code], asking);
  }

  /**
   * Keeps code at the place whatever happens, or no longer.
   * @param {string} code
   * @param {boolean} pinned
   * @param {Asking} [asking]
   */
  pinComponent(code, pinned, asking) {
    return this.#requests.tell('POST', ['components', code, pinned ? 'pin' : 'unpin'], asking);
  }

  /**
   * Fetches what a reference (`name@range`) stands for, with its dependencies. Given up, the
   * transfer goes on.
   * @param {string} reference
   * @param {Asking & { onProgress?: (progress: TransferInfo) => void }} [asking]
   * @returns {Promise<CodeInfo[]>}
   */
  prefetch(reference, { onProgress, signal } = {}) {
    return this.#requests.watch(['components', 'prefetch'], { reference }, 'fetched', onProgress, signal);
  }

  /**
   * Drops all code that is neither pinned, nor running, nor was added at the place, and lists it.
   * @param {Asking} [asking]
   * @returns {Promise<ReleaseInfo[]>}
   */
  collectComponents(asking) {
    return this.#requests.ask('POST', ['components', 'collect'], asking);
  }

  /**
   * How the place's download agents look for code.
   * @param {Asking} [asking]
   * @returns {Promise<StrategyInfo>}
   */
  downloadStrategy(asking) {
    return this.#requests.ask('GET', ['code', 'strategy'], asking);
  }

  /**
   * Changes how the download agents that the place launches from now on look for code.
   * @param {string} strategy
   * @param {Asking} [asking]
   * @returns {Promise<StrategyInfo>}
   */
  setDownloadStrategy(strategy, asking) {
    return this.#requests.ask('PUT', ['code', 'strategy'], { ...asking, form: { strategy } });
  }
}
