// The sessions that pass a place.

import {h, list, part, row, say, table} from './dom.js';
import {address, agoElement, count, has, shortId} from './format.js';
import {small} from './path.js';

/** So many rows are shown at a time. */
const ROWS = 50;

/** What a session's state is called, and how it is marked. */
export const state = hop => {
  const word = hop.cut ? `${hop.phase}, cut` : hop.phase;
  return h('span', {class: `state ${hop.cut ? 'cut' : hop.phase}`}, word);
};

const role = hop => {
  if (hop.path.length === 1) return 'client and server';
  if (hop.hop === 0) return 'client';
  return hop.hop === hop.path.length - 1 ? 'server' : `hop ${hop.hop + 1} of ${hop.path.length}`;
};

export class Sessions {
  constructor() {
    this.most = ROWS;
    this.table = table('sessions-table', 'Sessions that pass this place, newest first', [
      ['Session'], ['Quality'], ['State'], ['Path'], ['This place is', 'narrow'], ['Age', 'number'],
    ]);
    this.none = h('p', {class: 'none'});
    this.more = h('button', {type: 'button', class: 'more', click: () => {
      this.most += 4 * ROWS;
      this.again?.();
    }});
    this.count = h('span', {class: 'count'});
    this.element = part('sessions', 'Sessions', this.none, this.table.element, this.more);
    this.element.firstChild.append(' ', this.count);
  }

  /** How many are found. */
  show(store, place, sought) {
    this.again = () => this.show(store, place, sought);
    const all = store.newest();
    const found = all.filter(hop => has(sought, hop.title, hop.session, hop.quality, ...hop.path));
    say(this.count, `${store.sessions}`);
    const listed = all.length < store.sessions ? `; the newest ${all.length} are listed` : '';
    say(this.none, sought && all.length
      ? `${found.length} of ${count(all.length, 'session')} found${listed}`
      : store.sessions ? listed.slice(2) : 'No session passes here.');
    this.none.hidden = !this.none.textContent;
    this.table.element.hidden = !found.length;
    list(this.table.body, found.slice(0, this.most), hop => hop.session, hop => this.row(hop, place));
    const rest = found.length - this.most;
    this.more.hidden = rest <= 0;
    say(this.more, `${count(Math.min(rest, 4 * ROWS), 'more session')} of ${rest}`);
    return found.length;
  }

  row(hop, place) {
    const link = h('a', {href: address(place, hop.session)}, hop.title, ' ', h('code', {}, shortId(hop.session)));
    const ends = h('span', {class: 'ends'}, hop.path.length > 1 ? `${hop.path[0]} → ${hop.path.at(-1)}` : hop.path[0]);
    return row(link, hop.quality, state(hop), h('td', {class: 'way'}, small(hop.path, place), ends),
      role(hop), h('td', {class: 'number'}, agoElement(hop.since)));
  }
}
