// The client and real places.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';

import { Waybook, WaybookProblem, WaybookUnreachable } from '../src/index.js';
import { LAB, Tree, until } from './places.js';

describe('a real place', () => {
  /** @type {Tree} */
  let tree;
  /** @type {Waybook} */
  let lab;

  before(async () => {
    tree = await Tree.up();
    lab = await tree.client(LAB);
  });

  afterEach(async () => {
    for (const { session } of await lab.sessions()) await lab.close(session);
  });

  after(() => tree?.down());

  it('says who it is, and what is below it', async () => {
    const place = await lab.place();
    assert.equal(place.name, LAB);
    assert.equal(place.addresses.api, (await tree.address(LAB)).api);
    // The root hears of all others in a while.
    const root = lab.at('core');
    const known = await until('all are known', async () => {
      const places = await root.tree();
      return places.length === 7 ? places : undefined;
    });
    assert.ok(known.some((one) => one.place === LAB));
    assert.equal((await (await tree.client(LAB, { at: 'core' })).place()).name, 'core');
    assert.match(await lab.metrics(), /^# EOF$/m);
  });

  it('opens a session, lets it be watched, and closes it', async () => {
    /** @type {Set<string>} */
    const places = new Set();
    const session = await lab.open({ title: 'film' }, { onProgress: ({ place }) => places.add(place) });
    assert.deepEqual([...places].sort(), session.journey.map((hop) => hop.place).sort());
    assert.equal(session.quality, 'high');
    await lab.claim(session.session);
    const playlist = await fetch(`${session.urls?.path}master.m3u8`);
    assert.match(await playlist.text(), /^#EXTM3U/);
    const [listed] = await lab.sessions();
    assert.equal(listed.session, session.session);
    assert.equal(listed.claimed, true);
    const { hops } = await lab.session(session.session);
    assert.equal(hops.length, 3);
    assert.equal((await lab.at('core/bologna').hop(session.session)).title, 'film');
    assert.ok((await lab.setups()).some((setup) => setup.session === session.session));
    assert.equal((await lab.trace(session.session)).setup.session, session.session);

    const ended = lab.ended(session.session);
    await lab.close(session.session);
    assert.equal((await ended).kind, 'closed');
    // Asked late, it says the same.
    assert.equal((await lab.ended(session.session)).kind, 'closed');
    await assert.rejects(lab.session(session.session), (error) => {
      assert.ok(error instanceof WaybookProblem);
      assert.equal(error.end?.kind, 'closed');
      return true;
    });
  });

  it('says why it refuses, and what would have to change', async () => {
    const best = { title: 'film', profile: { user: 'ada', may_open: ['film'] } };
    const opened = [];
    for (;;) {
      const next = await lab.open(best).catch((error) => error);
      if (next instanceof Error) {
        assert.ok(next instanceof WaybookProblem);
        assert.equal(next.kind, 'refused');
        assert.equal(next.place, LAB);
        assert.equal(next.refused.length, 6);
        assert.deepEqual(next.solutions.map((one) => one.quality).slice(0, 2), ['high', 'high']);
        assert.ok(next.refused.some((one) => one.lack?.resource === 'cpu'));
        assert.ok(next.remedies.some((sentence) => sentence.includes('`capacity.cpu`')));
        const { refused } = await lab.setup(/** @type {string} */ (next.session));
        assert.deepEqual(refused, next.refused);
        break;
      }
      opened.push(next);
    }
    assert.deepEqual(opened.map((session) => session.quality), ['high', 'high', 'low']);
    const chosen = (await lab.dryRun({ title: 'film' })).chosen;
    assert.equal(chosen ?? undefined, undefined);
    await Promise.all(opened.map((session) => lab.close(session.session)));
    await assert.rejects(lab.open({ title: 'nothing' }), { name: 'WaybookProblem', kind: 'no-plan' });
    const stranger = new Waybook(`http://${(await tree.address(LAB)).api}`, 'guess');
    await assert.rejects(stranger.place(), { kind: 'unauthorized', status: 401 });
  });

  it('gives a set-up up when its client does', async () => {
    const stop = new AbortController();
    const why = new Error('changed my mind');
    const opening = lab.open({ title: 'film' }, { signal: stop.signal, onProgress: () => stop.abort(why) });
    await assert.rejects(opening, why);
    await until('nothing is left of it', async () => (await lab.sessions()).length === 0);
    const waiting = AbortSignal.abort(why);
    await assert.rejects(lab.ended('0', { signal: waiting }), why);
  });

  it('serves presentations as long as it is told to', async () => {
    const office = await tree.client('core/milano/office');
    const toml = `title = "a/b é"
servers = ["core/milano/office"]
[[quality]]
name = "one"
[[quality.component]]
at = "server"
name = "upstream"
runtime = "builtin"
config = { url = "http://127.0.0.1:1/" }
`;
    const published = await office.publish(toml).catch((error) => error);
    assert.equal(published.title, 'a/b é', String(published));
    const titles = async () => (await office.presentations()).map((one) => one.title);
    assert.ok((await titles()).includes('a/b é'));
    await office.withdraw('a/b é');
    assert.ok(!(await titles()).includes('a/b é'));
    await assert.rejects(office.publish('title = 1'), { name: 'WaybookProblem' });
  });

  it('withholds what its operator withholds', async () => {
    assert.deepEqual((await lab.cordon('down')).cordoned, ['down']);
    await assert.rejects(lab.open({ title: 'film' }), { kind: 'refused' });
    assert.deepEqual((await lab.uncordon('down')).cordoned, []);
    assert.equal((await lab.drain({ deadline: '1 h' })).sessions, 0);
    await assert.rejects(lab.open({ title: 'film' }), { name: 'WaybookProblem' });
    await lab.undrain();
    await lab.open({ title: 'film' });
    assert.deepEqual((await lab.reload()).changed, []);
  });

  it('adds code, with its manifest', async () => {
    await assert.rejects(lab.addComponent(new Uint8Array([0]), { manifest: 'name = "é"' }), (error) => {
      assert.ok(error instanceof WaybookProblem);
      assert.doesNotMatch(error.message, /base64/i);
      return true;
    });
    const held = await lab.at('core').components();
    assert.ok(held.some((code) => code.release.name === 'watermark'));
    const progress = [];
    const fetched = await lab.prefetch('watermark@^1', { onProgress: (one) => progress.push(one) });
    assert.equal(fetched[0].release.name, 'watermark');
    await lab.pinComponent('watermark', true);
    await lab.pinComponent('watermark', false);
  });

  it('is waited for while it is away, and its sessions outlive that', async (test) => {
    const session = await lab.open({ title: 'film' });
    await lab.claim(session.session);
    const { api } = await tree.address(LAB);
    /** @type {Error[]} */
    const away = [];
    const stop = new AbortController();
    test.after(() => stop.abort());
    const onAway = (/** @type {Error} */ error) => away.push(error);
    const ended = lab.ended(session.session, { onAway, signal: stop.signal });
    let over = false;
    ended.then(() => { over = true; }, () => { over = true; });
    await tree.kill(LAB);
    await until('the client has noticed', () => away.length > 1);
    assert.ok(away.every((error) => error instanceof WaybookUnreachable));
    await tree.start(LAB, api);
    await until('the place is back', async () => (await lab.place().catch(() => undefined))?.recovering === false);
    assert.equal((await lab.sessions())[0].session, session.session);
    const url = `${session.urls?.path}master.m3u8`;
    await until('the film plays again', async () => (await fetch(url).catch(() => undefined))?.ok);
    assert.equal(over, false);
    await lab.close(session.session);
    assert.equal((await ended).kind, 'closed');
  });
});
