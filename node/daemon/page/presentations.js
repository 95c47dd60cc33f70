// What can be opened in the locality of a place, what it needs, and where it is served.

import {Asked} from './asked.js';
import {h, list, part, row, say, table} from './dom.js';
import {amounts, count, has, placeLink} from './format.js';

/** So many are shown at first, and with each wish for more. */
const ROWS = 50;

const bandwidth = ({to_client: down, to_server: up}) => [
  down.amount && `${down.text} to the client`,
  up.amount && `${up.text} to the server`,
].filter(Boolean).join(', ') || 'no bandwidth';

const quality = one => {
  // Places of an older version do not say what is booked at places.
  const booked = (one.demands ?? []).map(demand => `${amounts(demand.amounts)} at ${demand.at}`);
  const needs = [booked, one.components].filter(all => all.length).map(all => h('span', {class: 'needs'}, all.join('; ')));
  return h('li', {}, h('b', {}, one.name), ` ${bandwidth(one)}`, needs);
};

const texts = one => [one.title, one.description, one.server, ...one.qualities.flatMap(({name, components}) => [name, ...components])];

export class Presentations {
  constructor() {
    this.most = ROWS;
    this.table = table('presentations-table', 'Presentations that are served in the locality of this place', [
      ['Presentation'], ['Served at'], ['Qualities, best first'],
    ]);
    this.none = h('p', {class: 'none'});
    this.more = h('button', {type: 'button', class: 'more', click: () => {
      this.most += 4 * ROWS;
      this.again?.();
    }});
    this.element = part('presentations', 'Presentations', this.none, this.table.element, this.more);
    this.asked = new Asked('/presentations');
  }

  /** How many are found. */
  show(sought) {
    this.again = () => this.show(sought);
    const all = this.asked.list ?? [];
    const found = sought ? all.filter(one => has(sought, ...texts(one))) : all;
    say(this.none, this.asked.none(found.length, 'Nothing is served here or below.'));
    this.none.hidden = !this.none.textContent;
    this.table.element.hidden = !found.length;
    list(this.table.body, found.slice(0, this.most), one => `${one.title} ${one.server}`, one => this.row(one));
    const rest = found.length - this.most;
    this.more.hidden = rest <= 0;
    say(this.more, `${count(Math.min(rest, 4 * ROWS), 'more presentation')} of ${rest}`);
    return found.length;
  }

  row({title, description, server, qualities}) {
    const name = [title, description ? h('span', {class: 'about'}, description) : null].filter(Boolean);
    return row(h('span', {}, name), placeLink(server), h('ul', {class: 'reasons'}, qualities.map(quality)));
  }
}
