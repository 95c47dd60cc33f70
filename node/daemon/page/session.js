// One session: its path, and what each of its places says.

import {get} from './api.js';
import {h, list, part, row, say, table} from './dom.js';
import {address, amounts, placeLink, shortId} from './format.js';
import {walk, whole} from './path.js';
import {state} from './sessions.js';
import {Setup} from './setup.js';

/** Asked again so often, in milliseconds: leases end by themselves. */
const OFTEN = 3000;

/**
 * What is shown of a session, from top to bottom. Each is made once with `element`, and shows by `show(detail)` what
 * `GET /sessions/{id}` has answered. Whatever else is to be seen of a session is added here.
 */
const parts = (place, id) => [new Path(), new Hops(), new Setup(place, id)];

class Path {
  constructor() {
    this.frame = h('div', {class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'The path'});
    this.element = part('path', 'Path', this.frame);
  }

  show({session, hops}) {
    const text = JSON.stringify([session.path, hops.map(one => [one.hop?.phase, Boolean(one.hop?.cut), one.hop?.booked])]);
    if (text === this.text) return;
    [this.text, this.path] = [text, session.path];
    this.picture = whole(session.path, hops);
    this.frame.replaceChildren(this.picture);
  }

  walked(one) {
    walk(this.picture, this.path ?? [], one);
  }
}

class Hops {
  constructor() {
    this.table = table('hops-table', 'What each place of the path says now, from the client’s to the server’s', [
      ['Place'], ['State'], ['Booked'], ['Components'], ['Lease', 'number'],
    ]);
    this.element = part('hops', 'Places', this.table.element);
  }

  show({hops}) {
    list(this.table.body, hops, one => one.place, one => this.row(one));
  }

  row({place, hop, problem}) {
    if (!hop) return row(placeLink(place), h('td', {colspan: '4'}, problem ?? 'It says nothing.'));
    const components = hop.components.map(one => h('li', {}, one.name, h('span', {class: 'about'}, one.shared ? 'shared' : `started in ${one.took.text}`)));
    const list = components.length ? h('ul', {class: 'plain'}, components) : '–';
    return row(placeLink(place), state(hop), amounts(hop.booked), list, h('td', {class: 'number'}, hop.lease?.text ?? '–'));
  }
}

export class SessionView {
  constructor(place, id) {
    [this.place, this.id] = [place, id];
    this.title = h('h1', {}, 'Session ', h('code', {}, shortId(id)));
    this.back = h('p', {class: 'back'}, h('a', {href: address(place)}, `‹ ${place}`));
    this.notice = h('p', {class: 'notice', role: 'status', hidden: true});
    this.facts = h('ul', {class: 'facts'});
    this.parts = parts(place, id);
    for (const one of this.parts) one.element.hidden = true;
    this.element = h('div', {class: 'view session'}, this.back, h('div', {class: 'top'}, this.title, this.facts), this.notice,
      this.parts.map(one => one.element));
    this.timer = setInterval(() => { if (!document.hidden) this.ask(); }, OFTEN);
    this.ask();
  }

  close() {
    clearInterval(this.timer);
    this.closed = true;
  }

  /** An agent of this session crossed an edge. */
  walked(one) {
    if (one.whose !== this.id) return;
    for (const part of this.parts) part.walked?.(one);
    this.ask();
  }

  /** Asks the client's place, which knows all of it. */
  async ask() {
    if (this.asking) {
      this.oncemore = true;
      return;
    }
    this.asking = true;
    try {
      if (!this.client) this.client = await this.find();
      const detail = await get(`/sessions/${this.id}`, this.client);
      if (!this.closed) this.show(detail);
    } catch (error) {
      if (!this.closed) this.fail(error);
    }
    this.asking = false;
    if (this.oncemore && !this.closed) {
      this.oncemore = false;
      this.ask();
    }
  }

  async find() {
    try {
      return (await get(`/hops/${this.id}`, this.place)).path[0];
    } catch (error) {
      if (error.status !== 404) throw error;
      // If it is over, the client's place may still say why.
      return this.place;
    }
  }

  fail(error) {
    say(this.notice, error.message);
    this.notice.hidden = false;
    if (error.status === 404 || error.status === 410) this.client = null;
    // How it was set up is remembered beyond its end, and of what was refused.
    this.parts.at(-1).show({journey: []});
  }

  show(detail) {
    const {session} = detail;
    this.notice.hidden = true;
    if (this.title.dataset.title !== session.title) {
      this.title.dataset.title = session.title;
      this.title.replaceChildren(session.title, ' ', h('code', {}, shortId(session.session)));
    }
    const cut = session.cut ? `, cut for ${session.cut.text}` : '';
    const facts = [
      ['State', session.phase + cut + (session.claimed ? '' : ', not claimed yet')],
      ['Quality', session.quality],
      ['User', session.user || 'none named'],
      ['Age', session.age.text],
      ['Key', session.key],
      ['Number', session.session],
      ...(session.urls ? [['URL', session.urls.path]] : []),
    ];
    list(this.facts, facts, one => one[0], ([what, text]) => h('li', {}, h('span', {}, what), ' ', text));
    for (const one of this.parts) {
      one.element.hidden = false;
      one.show(detail);
    }
  }
}
