// A place: what it is, and how much of what it has is booked.

import {Code} from './code.js';
import {h, list, part, row, say, table} from './dom.js';
import {agoElement, count, parentOf, placeLink, labelOf, percent, urgency} from './format.js';
import {Refusals, Walks} from './happenings.js';
import {Presentations} from './presentations.js';
import {Sessions} from './sessions.js';

/** A name whose parts lead to the places above. */
export const crumbs = name => {
  const parts = [];
  for (let at = name; at; at = parentOf(at)) parts.unshift(at === name ? labelOf(at) : placeLink(at, labelOf(at)));
  return parts.flatMap((one, at) => (at ? [h('span', {class: 'slash', 'aria-hidden': 'true'}, '/'), one] : [one]));
};

const share = (amount, capacity) => (capacity ? Math.min(1000, Math.round((amount * 1000) / capacity)) : 0);

class Load {
  constructor() {
    this.table = table('load-table', 'Load per resource', [
      ['Resource'], ['In use'], ['', 'number'], ['Established', 'number'], ['Held', 'number'], ['Free', 'number'], ['Capacity', 'number'],
    ]);
    this.none = h('p', {class: 'none'}, 'This place has nothing that can be booked.');
    this.element = part('load', 'Load', this.none, this.table.element);
  }

  show(resources) {
    this.none.hidden = resources.length > 0;
    this.table.element.hidden = !resources.length;
    list(this.table.body, resources, one => one.resource, one => this.row(one));
  }

  row(one) {
    const {established, held, capacity} = one;
    const used = share(established.amount + held.amount, capacity.amount);
    const bar = h('span', {class: `bar ${urgency(used)}`, 'aria-hidden': 'true'}, h('span'), h('span', {class: 'held'}));
    bar.children[0].style.width = `${share(established.amount, capacity.amount) / 10}%`;
    bar.children[1].style.width = `${share(held.amount, capacity.amount) / 10}%`;
    const number = text => h('td', {class: 'number'}, text);
    const name = one.cordoned
      ? h('span', {}, one.resource, ' ', h('span', {class: 'state refused', title: 'No more of it is booked'}, 'cordoned')) : one.resource;
    return row(name, h('td', {class: 'bars'}, bar), number(percent(used)), number(established.text), number(held.text), number(one.free.text), number(capacity.text));
  }
}

/** What keeps the place from being booked as usual. */
const notice = (place, told) => {
  const {draining, recovering} = place;
  const parts = [];
  if (recovering) parts.push('It has just restarted, and grants nothing before it knows what it has promised.');
  if (draining) parts.push(`It is being drained: it takes no new sessions, and has ${count(draining.sessions, 'session')} left.`);
  if (draining?.left) {
    const end = new Date((told ?? Date.now()) + draining.left.micros / 1000);
    parts.push(`They end at ${end.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'})}.`);
  }
  return parts.join(' ');
};

/** Everything that is shown of a place. */
export class PlaceView {
  constructor(again) {
    this.again = again;
    this.title = h('h1');
    this.notice = h('p', {class: 'notice', role: 'status', hidden: true});
    this.facts = h('ul', {class: 'facts'});
    this.load = new Load();
    this.sessions = new Sessions();
    this.refusals = new Refusals();
    this.walks = new Walks();
    this.presentations = new Presentations();
    this.code = new Code();
    this.element = h('div', {class: 'view'}, h('div', {class: 'top'}, this.title, this.facts), this.notice,
      this.load.element, this.sessions.element, this.refusals.element, this.presentations.element,
      this.code.element, this.walks.element);
  }

  /** How much is found of what is sought. */
  show(name, store, told, problem, sought) {
    if (this.name !== name) {
      this.name = name;
      this.title.replaceChildren(...crumbs(name));
      this.sessions = this.anew(this.sessions, new Sessions());
      this.presentations = this.anew(this.presentations, new Presentations());
      this.code = this.anew(this.code, new Code());
    }
    const place = store.place;
    const warning = problem ?? (place ? notice(place, told) : '');
    say(this.notice, warning);
    this.notice.hidden = !warning;
    const known = Boolean(place) && place.name === name;
    for (const section of [this.load, this.sessions, this.refusals, this.walks, this.presentations, this.code]) section.element.hidden = !known;
    this.facts.hidden = !known;
    if (!known) return {sessions: 0, refusals: 0, presentations: 0, components: 0};
    list(this.facts, this.about(place, told), one => one[0], ([what, text, since]) => h('li', {}, h('span', {}, what), ' ', text, since ? agoElement(since) : null));
    this.load.show(place.resources);
    this.walks.show(store, name, sought);
    this.presentations.asked.ask(name, store.presentations, this.again);
    this.code.asked.ask(name, store.code, this.again);
    return {
      sessions: this.sessions.show(store, name, sought),
      refusals: this.refusals.show(store, name, sought),
      presentations: this.presentations.show(sought),
      components: this.code.show(sought),
    };
  }

  anew(old, fresh) {
    old.element.replaceWith(fresh.element);
    return fresh;
  }

  about(place, told) {
    const children = place.links.filter(link => link.role === 'child').length;
    const parent = place.links.some(link => link.role === 'parent');
    const {opens, established, refused, visits} = place.counters;
    return [
      ['Parent', parentOf(place.name) ? (parent ? 'connected' : 'not connected') : 'none, it is the root'],
      ['Children', count(children, 'connected', 'connected')],
      ['Asked for here', `${opens}: ${established} established, ${refused} refused`],
      ['Agents let in', String(visits)],
      ['Strategy', place.strategy],
      ['Version', place.version],
      ...(told ? [['Heard of', '', told]] : []),
    ];
  }
}
