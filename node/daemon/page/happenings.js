// What has happened at a place lately: set-ups that were refused, and agents that passed.

import {h, list, part, row, say, table} from './dom.js';
import {address, clock, count, has, labelOf, placeLink, shortId} from './format.js';

/** So many of the latest are shown. */
const ROWS = 30;

const KINDS = {
  passing: 'Passing agent',
  'no-plan': 'Nothing to try',
  'not-allowed': 'Not allowed',
  rejected: 'Rejected',
  unanswered: 'Not answered',
  refused: 'Refused',
};

const reason = one => h('li', {},
  one.quality ? [h('b', {}, one.quality), ' '] : `Solution ${one.solution} `,
  'at ', placeLink(one.place), `: ${one.text}`,
  one.remedy ? h('span', {class: 'remedy'}, one.remedy) : null);

/** Solutions that were refused for one reason, one after the other, need to be read once only. */
const reasons = refused => {
  const seen = new Set();
  return refused.filter(one => {
    const text = `${one.quality} ${one.place} ${one.text}`;
    return !seen.has(text) && seen.add(text);
  });
};

export class Refusals {
  constructor() {
    this.table = table('refusals-table', 'Set-ups that were refused, latest first', [
      ['When'], ['Asked for'], ['By'], ['Outcome'], ['Where and why'],
    ]);
    this.none = h('p', {class: 'none'});
    this.element = part('refusals', 'Refusals', this.none, this.table.element);
  }

  show(store, place, sought) {
    const texts = one => [one.title, one.text, one.user, one.client, one.session, ...one.refused.flatMap(r => [r.place, r.text, r.quality])];
    const found = store.refusals.filter(one => has(sought, ...texts(one))).reverse();
    say(this.none, found.length > ROWS ? `The latest ${ROWS} of ${found.length}.`
      : found.length ? '' : sought && store.refusals.length ? 'None found.' : 'Nothing has been refused here.');
    this.none.hidden = !this.none.textContent;
    this.table.element.hidden = !found.length;
    list(this.table.body, found.slice(0, ROWS), one => String(one.number), one => this.row(one, place));
    return found.length;
  }

  row(one, place) {
    const title = one.title ? h('b', {}, one.title) : 'a session';
    const asked = one.session ? h('a', {href: address(place, one.session)}, title, ' ', h('code', {}, shortId(one.session))) : title;
    const by = [one.user || null, one.user && one.client ? ' at ' : null, one.client ? placeLink(one.client) : null];
    const why = one.refused.length
      ? h('ul', {class: 'reasons'}, reasons(one.refused).map(reason))
      : one.text;
    const outcome = h('span', {class: `state ${one.kind === 'passing' ? 'held' : 'refused'}`}, KINDS[one.kind] ?? one.kind);
    const cell = h('td', {}, asked);
    const who = h('td', {}, by.filter(Boolean));
    return row(clock(one.since), cell, who, outcome, h('td', {class: 'why'}, why));
  }
}

const WALKS = {
  visit: ['→', 'agent goes on'],
  ready: ['✓', 'booked beyond, word goes back'],
  refuse: ['↩', 'refused beyond, word goes back'],
  download: ['⇣', 'agent looks for code'],
  'download-back': ['⇡', 'agent is back with word of code'],
};

export class Walks {
  constructor() {
    this.table = table('walks-table', 'Agents that came to this place or went from it, latest first', [
      ['When'], ['What'], ['For'], ['From'], ['To'],
    ]);
    this.none = h('p', {class: 'none'});
    this.element = part('walks', 'Agents', this.none, this.table.element);
  }

  show(store, place, sought) {
    const found = store.walks.filter(one => has(sought, one.title, one.whose, one.from, one.to)).reverse();
    say(this.none, found.length > ROWS ? `The latest ${ROWS} of ${count(found.length, 'step')}.`
      : found.length ? '' : sought && store.walks.length ? 'None found.' : 'No agent has come by.');
    this.none.hidden = !this.none.textContent;
    this.table.element.hidden = !found.length;
    list(this.table.body, found.slice(0, ROWS), one => String(one.number), one => this.row(one, place));
  }

  row(one, place) {
    const [sign, what] = WALKS[one.kind] ?? ['', one.kind];
    const session = one.kind.startsWith('download')
      ? one.title
      : h('a', {href: address(place, one.whose)}, one.title || 'a session', ' ', h('code', {}, shortId(one.whose)));
    const at = name => (name === place ? h('span', {class: 'here', title: name}, labelOf(name)) : placeLink(name));
    return row(clock(one.since), h('td', {}, h('span', {class: `sign ${one.kind}`, 'aria-hidden': 'true'}, sign), ' ', what), session, at(one.from), at(one.to));
  }
}
