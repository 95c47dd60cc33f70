import { Requests } from './requests.js';
import { base64 } from './support.js';

/**
 * @import {
 *   BookingInfo, CodeDetail, CodeInfo, CordonInfo, DrainForm, DrainingInfo, LinksInfo, LogInfo,
 *   ReleaseInfo, ReloadInfo, StrategyInfo, TransferInfo
 * } from '../types/forms.js'
 * @import { Asking, Settings } from './client.js'
 */

/** What operators ask of a place: how it does, its changes, its code. */
export class Operating {
  /**
   * @param {string | URL} url Where the control API answers, such as `http://127.0.0.1:7000`.
   * @param {string} token The token of the place's data folder (its file `token`).
   * @param {Settings} [settings]
   */
  constructor(url, token, settings = {}) {
    /** @protected */
    this.requests = new Requests(url, token, settings);
  }

  /**
   * What came from the place's neighbours and clients, and what of it was in vain.
   * @param {Asking} [asking]
   * @returns {Promise<LinksInfo>}
   */
  links(asking) {
    return this.requests.ask('GET', ['links'], asking);
  }

  /**
   * What the daemon logs.
   * @param {Asking} [asking]
   * @returns {Promise<LogInfo>}
   */
  log(asking) {
    return this.requests.ask('GET', ['log'], asking);
  }

  /**
   * The daemon logs that from now on, until it is started again.
   * @param {string} filter
   * @param {Asking} [asking]
   * @returns {Promise<LogInfo>}
   */
  setLog(filter, asking) {
    return this.requests.ask('PUT', ['log'], { ...asking, form: { filter } });
  }

  /**
   * The place's figures for collectors, in the text of OpenMetrics.
   * @param {Asking} [asking]
   * @returns {Promise<string>}
   */
  metrics(asking) {
    return this.requests.text('GET', ['metrics'], asking);
  }

  /**
   * The bookings at the place.
   * @param {Asking} [asking]
   * @returns {Promise<BookingInfo[]>}
   */
  bookings(asking) {
    return this.requests.ask('GET', ['bookings'], asking);
  }

  /**
   * The place takes no new sessions from now on, also after a restart. Existing ones go on; if a
   * deadline is given, what is left then ends.
   * @param {DrainForm} [form]
   * @param {Asking} [asking]
   * @returns {Promise<DrainingInfo>}
   */
  drain(form = {}, asking) {
    return this.requests.ask('PUT', ['drain'], { ...asking, form });
  }

  /**
   * The place takes new sessions again.
   * @param {Asking} [asking]
   */
  undrain(asking) {
    return this.requests.tell('DELETE', ['drain'], asking);
  }

  /**
   * No more of a resource is booked at the place from now on, also after a restart. What is booked
   * stays.
   * @param {string} resource
   * @param {Asking} [asking]
   * @returns {Promise<CordonInfo>}
   */
  cordon(resource, asking) {
    return this.requests.ask('PUT', ['cordons', resource], asking);
  }

  /**
   * The resource is booked again.
   * @param {string} resource
   * @param {Asking} [asking]
   * @returns {Promise<CordonInfo>}
   */
  uncordon(resource, asking) {
    return this.requests.ask('DELETE', ['cordons', resource], asking);
  }

  /**
   * The place's configuration is read again. Capacity, limits and how plans are made change at once,
   * and no session ends for it; what else is different is named, and changes with the next start.
   * @param {Asking} [asking]
   * @returns {Promise<ReloadInfo>}
   */
  reload(asking) {
    return this.requests.ask('POST', ['reload'], asking);
  }

  /**
   * The code that the place holds or that is on its way there; `everywhere`, also what the rest of
   * its locality is known to hold.
   * @param {Asking & { everywhere?: boolean }} [asking]
   * @returns {Promise<CodeInfo[]>}
   */
  components({ everywhere = false, signal } = {}) {
    return this.requests.ask('GET', ['components'], { signal, query: everywhere ? { everywhere: 'true' } : {} });
  }

  /**
   * All that the place knows of some code.
   * @param {string} code `name@version`, `name`, or `sha256:` and at least six digits.
   * @param {Asking} [asking]
   * @returns {Promise<CodeDetail>}
   */
  component(code, asking) {
    return this.requests.ask('GET', ['components', code], asking);
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
    return this.requests.ask('POST', ['components'], { signal, headers, body: binary });
  }

  /**
   * The place no longer holds the code, nor offers it.
   * @param {string} code
   * @param {Asking} [asking]
   */
  removeComponent(code, asking) {
    return this.requests.tell('DELETE', ['components', code], asking);
  }

  /**
   * Keeps code at the place whatever happens, or no longer.
   * @param {string} code
   * @param {boolean} pinned
   * @param {Asking} [asking]
   */
  pinComponent(code, pinned, asking) {
    return this.requests.tell('POST', ['components', code, pinned ? 'pin' : 'unpin'], asking);
  }

  /**
   * Fetches what a reference (`name@range`) stands for, with its dependencies. Given up, the
   * transfer goes on.
   * @param {string} reference
   * @param {Asking & { onProgress?: (progress: TransferInfo) => void }} [asking]
   * @returns {Promise<CodeInfo[]>}
   */
  prefetch(reference, { onProgress, signal } = {}) {
    return this.requests.watch(['components', 'prefetch'], { reference }, 'fetched', onProgress, signal);
  }

  /**
   * Drops all code that is neither pinned, nor running, nor was added at the place, and lists it.
   * @param {Asking} [asking]
   * @returns {Promise<ReleaseInfo[]>}
   */
  collectComponents(asking) {
    return this.requests.ask('POST', ['components', 'collect'], asking);
  }

  /**
   * How the place's download agents look for code.
   * @param {Asking} [asking]
   * @returns {Promise<StrategyInfo>}
   */
  downloadStrategy(asking) {
    return this.requests.ask('GET', ['code', 'strategy'], asking);
  }

  /**
   * Changes how the download agents that the place launches from now on look for code.
   * @param {string} strategy
   * @param {Asking} [asking]
   * @returns {Promise<StrategyInfo>}
   */
  setDownloadStrategy(strategy, asking) {
    return this.requests.ask('PUT', ['code', 'strategy'], { ...asking, form: { strategy } });
  }
}
