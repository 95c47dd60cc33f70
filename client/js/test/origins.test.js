// The client in a real browser, in pages of other origins than the place's.

import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { Browser } from './browser.js';
import { LAB, Tree, until } from './places.js';

/** A place whose control API encrypts. */
const OFFICE = 'core/milano/office';

/** Serves an empty page and the client's modules, at an origin of its own. */
async function serve() {
  const server = createServer(async (request, response) => {
    const [, module] = /^\/src\/([a-z]+\.js)$/.exec(request.url ?? '') ?? [];
    if (!module) return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><body>');
    const text = await readFile(new URL(`../src/${module}`, import.meta.url));
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(text);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { server, origin: `http://127.0.0.1:${port}` };
}

/**
 * Everything that a browser asks about beforehand, and what is answered by events. Runs in the page.
 * @param {string} url
 * @param {string} token
 * @param {string} toml
 */
async function work(url, token, toml) {
  /** @type {typeof import('../src/index.js')} */
  const { Waybook, WaybookProblem } = await import(`${location.origin}/src/index.js`);
  const place = new Waybook(url, token);
  /** @param {Promise<unknown>} asked */
  const problem = (asked) => asked.then(() => 'none', (error) => (error instanceof WaybookProblem ? error.kind : String(error)));
  const { name } = await place.place();
  const published = await place.publish(toml);
  /** @type {string[]} */
  const places = [];
  const session = await place.open({ title: published.title }, { onProgress: (step) => places.push(step.place) });
  await place.claim(session.session);
  const ended = place.ended(session.session);
  await place.close(session.session);
  const { kind } = await ended;
  await place.withdraw(published.title);
  return {
    name, heard: places.includes(name), kind,
    gone: await problem(place.open({ title: published.title })),
    stranger: await problem(new Waybook(url, 'wrong').place()),
  };
}

const WORKED = { heard: true, kind: 'closed', gone: 'no-plan', stranger: 'unauthorized' };

/**
 * What comes of asking and of opening, each. Runs in the page.
 * @param {string} url
 * @param {string} token
 */
async function knock(url, token) {
  /** @type {typeof import('../src/index.js')} */
  const { Waybook } = await import(`${location.origin}/src/index.js`);
  const place = new Waybook(url, token);
  /** @param {Promise<unknown>} asked */
  const name = (asked) => asked.then(() => 'done', (error) => error.name);
  return [await name(place.place()), await name(place.open({ title: 'film' }))];
}

describe('pages of other origins', () => {
  /** @type {Tree} */
  let tree;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let panel;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let other;
  let toml = '';

  before(async () => {
    [panel, other] = [await serve(), await serve()];
    tree = await Tree.up();
    for (const [name, tls] of [[LAB, ''], [OFFICE, '[api.tls]\n']]) {
      const { config } = await tree.placed(name);
      const text = await readFile(config, 'utf8');
      assert.ok(!text.includes('[api]'), text);
      await writeFile(config, `${text}\n[api]\norigins = ["${panel.origin}"]\n${tls}`);
      await tree.run('place', 'restart', name);
      await tree.run('place', 'wait', name);
    }
    toml = 'title = "note"\n[[quality]]\nname = "only"\n[quality.demand.server]\ncpu = "1m"\n';
  });

  after(async () => {
    await tree?.down();
    for (const one of [panel, other]) one?.server.close();
  });

  /**
   * A page of that origin, for as long as that takes.
   * @param {string} origin
   * @param {string[]} flags
   * @param {(browser: Browser) => Promise<void>} act
   */
  async function page(origin, flags, act) {
    const browser = await Browser.start(flags);
    try {
      await browser.go(origin);
      await act(browser);
    } finally {
      await browser.stop();
    }
  }

  it('work where their origin is named', async () => {
    const { api, token } = await tree.address(LAB);
    await page(panel.origin, [], async (browser) => {
      assert.deepEqual(await browser.call(work, `http://${api}`, token, toml), { name: LAB, ...WORKED });
    });
  });

  it('are kept out by the browser where it is not, and nothing is begun for them', async () => {
    const lab = await tree.client(LAB);
    const { api, token } = await tree.address(LAB);
    const before = (await lab.setups()).length;
    await page(other.origin, [], async (browser) => {
      const away = 'WaybookUnreachable';
      assert.deepEqual(await browser.call(knock, `http://${api}`, token), [away, away]);
      await until('the browser says why', () => browser.said.some((text) => text.includes('CORS')));
    });
    assert.equal((await lab.setups()).length, before);
    // The token is good, and nobody but a browser goes by origins.
    assert.equal((await lab.place()).name, LAB);
  });

  it('work over TLS with a certificate that the browser trusts, and with no other', async () => {
    const { api, token } = await tree.address(OFFICE);
    const { data } = await tree.placed(OFFICE);
    const { publicKey } = new X509Certificate(await readFile(join(data, 'api-tls/api.crt')));
    const key = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
    await page(panel.origin, [`--ignore-certificate-errors-spki-list=${key}`], async (browser) => {
      assert.deepEqual(await browser.call(work, `https://${api}`, token, toml), { name: OFFICE, ...WORKED });
    });
    await page(panel.origin, [], async (browser) => {
      const away = 'WaybookUnreachable';
      assert.deepEqual(await browser.call(knock, `https://${api}`, token), [away, away]);
    });
  });
});
