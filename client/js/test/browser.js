// A headless Chromium, spoken to by the Chrome DevTools Protocol over its pipe.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './places.js';

const KNOWN = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

export class Browser {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #number = 0;
  #session = '';
  /** Every URL that the page has asked for. @type {string[]} */
  requests = [];
  /** What the page said to the console, or threw. @type {string[]} */
  said = [];

  /**
   * @param {import('node:child_process').ChildProcess} process
   * @param {string} profile
   */
  constructor(process, profile) {
    this.process = process;
    this.profile = profile;
    this.to = /** @type {import('node:stream').Writable} */ (process.stdio[3]);
    let text = '';
    /** @type {import('node:stream').Readable} */ (process.stdio[4]).setEncoding('utf8').on('data', (piece) => {
      const messages = (text + piece).split('\0');
      text = messages.pop() ?? '';
      for (const message of messages) this.#heard(JSON.parse(message));
    });
  }

  /** @param {string[]} flags More for its command line. */
  static async start(flags = []) {
    const program = KNOWN.find((name) => spawnSync(name, ['--version']).status === 0);
    assert.ok(program, 'there is no Chromium');
    const profile = await mkdtemp(join(tmpdir(), 'waybook-chromium-'));
    const process = spawn(program, [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
      '--autoplay-policy=no-user-gesture-required', '--window-size=1100,900',
      `--user-data-dir=${profile}`, '--remote-debugging-pipe', ...flags, 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const browser = new Browser(process, profile);
    const { targetInfos } = await browser.send('Target.getTargets');
    const page = targetInfos.find((/** @type {{ type: string }} */ target) => target.type === 'page');
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId: page.targetId, flatten: true });
    browser.#session = sessionId;
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await browser.send(`${domain}.enable`);
    return browser;
  }

  async stop() {
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await gone;
    await rm(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  /** @param {any} message */
  #heard({ id, method, params, result, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
    if (method === 'Network.requestWillBeSent') this.requests.push(params.request.url);
    if (method === 'Runtime.exceptionThrown') this.said.push(params.exceptionDetails.exception?.description);
    if (method === 'Log.entryAdded' && params.entry.level === 'error') this.said.push(`${params.entry.text} ${params.entry.url ?? ''}`);
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @returns {Promise<any>}
   */
  send(method, params = {}) {
    const id = ++this.#number;
    const sessionId = this.#session || undefined;
    this.to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** @param {string} url */
  async go(url) {
    await this.send('Page.navigate', { url });
    await this.until('the page is there', "document.readyState === 'complete' && document.body");
  }

  /**
   * What an expression is in the page.
   * @param {string} expression
   */
  async look(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression: `JSON.stringify(${expression})`, awaitPromise: true,
    });
    assert.ok(!exceptionDetails, exceptionDetails?.exception?.description);
    return result.value === undefined ? undefined : JSON.parse(result.value);
  }

  /**
   * What a function gives that is run in the page, and so knows nothing of what is around it here.
   * @template {unknown[]} A, T
   * @param {(...given: A) => Promise<T>} act
   * @param {A} given
   * @returns {Promise<T>}
   */
  async call(act, ...given) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression: `(${act})(...${JSON.stringify(given)}).then(JSON.stringify)`, awaitPromise: true,
    });
    assert.ok(!exceptionDetails, exceptionDetails?.exception?.description);
    return JSON.parse(result.value);
  }

  /** @param {string} id */
  text(id) {
    return this.look(`document.getElementById('${id}').textContent`);
  }

  /** @param {string} id */
  click(id) {
    return this.look(`document.getElementById('${id}').click()`);
  }

  /**
   * Looks until an expression is true.
   * @param {string} what
   * @param {string} expression
   */
  async until(what, expression) {
    try {
      await until(what, async () => this.look(`Boolean(${expression})`));
    } catch (error) {
      const page = await this.look('document.body.innerText').catch(() => '');
      throw new Error(`${error}\n${this.said.join('\n')}\n${page}`, { cause: error });
    }
  }

  /** @param {string} path */
  async picture(path) {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    await writeFile(path, data, 'base64');
  }
}
