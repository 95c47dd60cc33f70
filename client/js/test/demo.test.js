// The demo in a real browser, with real places.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Browser } from './browser.js';
import { LAB, Tree, until } from './places.js';

/** Where pictures of the page go, for who wants to look at them. */
const pictures = process.env.PICTURES;

describe('the demo', () => {
  /** @type {Tree} */
  let tree;
  /** @type {import('../src/index.js').Waybook} */
  let lab;
  /** @type {import('node:child_process').ChildProcess} */
  let server;
  /** @type {Browser} */
  let browser;
  let url = '';

  before(async () => {
    tree = await Tree.up();
    lab = await tree.client(LAB);
    const { data } = await tree.placed(LAB);
    const program = fileURLToPath(new URL('../demo/server.js', import.meta.url));
    server = spawn(process.execPath, [program, data, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: /** @type {import('node:stream').Readable} */ (server.stdout) });
    url = (await lines[Symbol.asyncIterator]().next()).value;
    browser = await Browser.start();
    await browser.go(url);
    await browser.until('the page says where it is', `document.getElementById('place').textContent === '${LAB}'`);
  });

  after(async () => {
    await browser?.stop();
    server?.kill();
    await tree?.down();
  });

  /** What the page shows of the session is what the API says. */
  async function sameAsTheApi() {
    const [session] = await lab.sessions();
    assert.equal(await browser.text('session'), session.session);
    assert.equal(await browser.text('quality'), session.quality);
    const places = await browser.look("[...document.querySelectorAll('#journey tr td:first-child')].map((cell) => cell.textContent)");
    assert.deepEqual(places, session.path);
    return session;
  }

  it('plays the film at the quality that was booked', async () => {
    await browser.click('open');
    // Its segments are of four seconds.
    await browser.until('the film plays', "document.getElementById('film').currentTime > 4.5");
    assert.equal((await sameAsTheApi()).quality, 'high');
    assert.match(await browser.text('playing'), /^640 × 360/);
    assert.equal(await browser.look("document.getElementById('film').videoWidth"), 640);
    assert.equal(await browser.look("document.getElementById('refusals').hidden"), true);
    if (pictures) await browser.picture(`${pictures}/high.png`);
  });

  it('shows what a new session gets when there is less, and why', async () => {
    await browser.click('close');
    await browser.until('it is closed', "document.getElementById('quality').textContent === '–'");
    await until('the place knows', async () => (await lab.sessions()).length === 0);
    // Takes up the processor of the near server, and the edge to the other.
    const others = [await lab.open({ title: 'film' }), await lab.open({ title: 'film' })];
    for (const { session } of others) await lab.claim(session);
    await browser.click('open');
    await browser.until('the film plays', "document.getElementById('film').currentTime > 0.5 && document.getElementById('quality').textContent === 'low'");
    await browser.until('what is played is known', "document.getElementById('playing').textContent.startsWith('320')");
    const id = await browser.text('session');
    const { refused } = await lab.setup(id);
    const shown = await browser.look("[...document.querySelectorAll('#refused tr')].map((row) => row.textContent)");
    assert.deepEqual(shown, refused.map((one) => `${one.quality}${one.place}${one.text}${one.remedy}`));
    assert.ok(shown.length >= 4 && shown.some((/** @type {string} */ row) => row.includes('`capacity.up`')), String(shown));
    if (pictures) await browser.picture(`${pictures}/low.png`);
    // Somebody else ends it.
    await lab.close(id);
    await browser.until('the page says so', "document.getElementById('status').textContent === 'The session is over: it was closed.'");
    for (const { session } of others) await lab.close(session);
  });

  it('plays on when a capacity is lowered, and opens again with what is left', async () => {
    await browser.click('open');
    await browser.until('it plays', "document.getElementById('quality').textContent === 'high' && document.getElementById('film').currentTime > 0.5");
    const before = await browser.text('session');
    await tree.change(LAB, 'down = "100 Mbit/s"', 'down = "150 kbit/s"');
    // What is booked stays.
    assert.equal((await sameAsTheApi()).session, before);
    const at = await browser.look("document.getElementById('film').currentTime");
    await browser.until('the film goes on', `document.getElementById('film').currentTime > ${at} + 0.5`);
    assert.equal(await browser.text('open'), 'Open again');
    await browser.click('open');
    await browser.until('there is another', `!['–', '${before}'].includes(document.getElementById('session').textContent)`);
    assert.equal((await sameAsTheApi()).quality, 'low');
    assert.equal((await lab.ended(before)).kind, 'closed');
    const why = await browser.look("[...document.querySelectorAll('#refused tr')].map((row) => row.textContent)");
    assert.ok(why.some((/** @type {string} */ row) => row.startsWith(`high${LAB}down lacks 250 kbit/s`)), String(why));
    await browser.until('it plays at what is left', "document.getElementById('playing').textContent.startsWith('320')");
    if (pictures) await browser.picture(`${pictures}/lowered.png`);
    await tree.change(LAB, 'down = "150 kbit/s"', 'down = "100 Mbit/s"');
    const low = await browser.text('session');
    await browser.click('open');
    await browser.until('it is better again', `document.getElementById('quality').textContent === 'high'`);
    assert.equal((await lab.ended(low)).kind, 'closed');
  });

  it('asks nobody but its server and the gateway, and nothing fails', async () => {
    const { addresses } = await lab.place();
    const allowed = [new URL(url).host, addresses.gateway];
    const strange = browser.requests.filter((asked) => /^(https?|wss?):/.test(asked) && !allowed.includes(new URL(asked).host));
    assert.deepEqual(strange, []);
    // A session that ends takes along what was just being loaded through it.
    const cut = (/** @type {string} */ text) => /^Failed to load resource.*\/s\/.*\.ts$/.test(text);
    assert.deepEqual(browser.said.filter((text) => !cut(text)), []);
  });

  it('lets pages of other origins do nothing, and close no session of others', async () => {
    const foreign = await fetch(`${url}open`, { method: 'POST', headers: { origin: 'http://elsewhere.example' } });
    assert.equal(foreign.status, 403);
    const { session } = await lab.open({ title: 'film' });
    assert.equal((await fetch(`${url}close/${session}`, { method: 'POST' })).status, 404);
    await lab.close(session);
  });

  it('closes what it has opened when it stops', async () => {
    assert.equal((await lab.sessions()).length, 1);
    server.kill('SIGTERM');
    await until('nothing is open', async () => (await lab.sessions()).length === 0);
  });
});
