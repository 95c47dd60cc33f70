import { WaybookAnswer, WaybookProblem, WaybookUnreachable } from './errors.js';
import { events } from './events.js';
import { parsed } from './support.js';

/** @import { Settings } from './client.js' */

/**
 * @typedef {object} Sending What is sent along.
 * @property {AbortSignal} [signal]
 * @property {Record<string, string>} [query]
 * @property {Record<string, string>} [headers]
 * @property {object} [form] A body in JSON.
 * @property {BodyInit} [body] Any other.
 */

/** Requests to one daemon, and what comes of them. */
export class Requests {
  /**
   * @param {string | URL} url
   * @param {string} token
   * @param {Settings} settings
   */
  constructor(url, token, settings) {
    this.url = new URL(url);
    if (this.url.protocol !== 'http:' && this.url.protocol !== 'https:') {
      throw new TypeError(`\`${url}\` is no address of a control API: they begin with http:// or https://`);
    }
    if (!this.url.pathname.endsWith('/')) this.url.pathname += '/';
    this.token = token;
    this.settings = settings;
  }

  /**
   * Posts a form that is answered by events, and gives what the last one brings.
   * @template P, T
   * @param {string[]} path
   * @param {object} form
   * @param {string} last
   * @param {((progress: P) => void) | undefined} onProgress
   * @param {AbortSignal | undefined} signal
   * @returns {Promise<T>}
   */
  async watch(path, form, last, onProgress, signal) {
    const headers = { accept: 'text/event-stream' };
    const response = await this.#send('POST', path, { form, headers, signal });
    if (!response.body) throw new WaybookAnswer('it has no body');
    const stream = events(response.body);
    try {
      for (;;) {
        const next = await this.#reached(signal, () => stream.next());
        if (next.done) throw new WaybookUnreachable(this.url.host, 'the answer broke off');
        const { kind, data } = next.value;
        if (kind === 'progress') onProgress?.(parsed(data));
        else if (kind === 'refused') throw new WaybookProblem(parsed(data));
        else if (kind === last) return parsed(data);
      }
    } finally {
      await stream.return();
    }
  }

  /**
   * The answer to a request, from its JSON.
   * @param {string} method
   * @param {string[]} path
   * @param {Sending} [sending]
   * @returns {Promise<any>}
   */
  async ask(method, path, sending) {
    return parsed(await this.text(method, path, sending));
  }

  /**
   * A request whose answer says nothing.
   * @param {string} method
   * @param {string[]} path
   * @param {Sending} [sending]
   * @returns {Promise<void>}
   */
  async tell(method, path, sending) {
    await this.text(method, path, sending);
  }

  /**
   * The answer to a request as it is.
   * @param {string} method
   * @param {string[]} path
   * @param {Sending} [sending]
   * @returns {Promise<string>}
   */
  async text(method, path, sending) {
    const response = await this.#send(method, path, sending);
    return this.#reached(sending?.signal, () => response.text());
  }

  /**
   * Sends a request; problems are errors.
   * @param {string} method
   * @param {string[]} path Segments, not escaped.
   * @param {Sending} [sending]
   */
  async #send(method, path, { signal, query = {}, headers = {}, form, body } = {}) {
    const { at, traceparent, fetch = globalThis.fetch } = this.settings;
    const url = new URL(`api/v1/${path.map(encodeURIComponent).join('/')}`, this.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    if (at !== undefined) url.searchParams.set('at', at);
    /** @type {RequestInit} */
    const init = {
      method,
      signal,
      body: form === undefined ? body : JSON.stringify(form),
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(form === undefined ? {} : { 'content-type': 'application/json' }),
        ...(traceparent === undefined ? {} : { traceparent }),
        ...headers,
      },
      cache: 'no-store',
    };
    const response = await this.#reached(signal, () => fetch(url, init));
    if (response.ok) return response;
    const text = await this.#reached(signal, () => response.text());
    const type = response.headers.get('content-type') ?? '';
    if (!type.startsWith('application/problem+json')) throw new WaybookAnswer(`status ${response.status}`);
    throw new WaybookProblem(parsed(text));
  }

  /**
   * What goes wrong on the wire has many forms; here it gets one.
   * @template T
   * @param {AbortSignal | undefined} signal
   * @param {() => Promise<T>} act
   * @returns {Promise<T>}
   */
  async #reached(signal, act) {
    try {
      return await act();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof WaybookAnswer) throw error;
      throw new WaybookUnreachable(this.url.host, error);
    }
  }
}
