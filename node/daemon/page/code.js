// Components that are brought along, and the places that hold them.

import {Asked} from './asked.js';
import {h, list, part, row, say, table} from './dom.js';
import {count, has, placeLink} from './format.js';

/** So many holders are named at once. */
const HOLDERS = 6;

export class Code {
  constructor() {
    this.table = table('code-table', 'Components known in the locality of this place', [
      ['Component'], ['Runs as'], ['Size', 'number'], ['Here'], ['Held whole at'],
    ]);
    this.none = h('p', {class: 'none'});
    this.element = part('code', 'Components', this.none, this.table.element);
    this.asked = new Asked('/components', {everywhere: 'true'});
  }

  show(sought) {
    const all = this.asked.list ?? [];
    const found = all.filter(one => has(sought, one.release.reference, one.release.description, one.release.digest, ...one.holders.map(at => at.place)));
    say(this.none, this.asked.none(found.length, 'No component is known here.'));
    this.none.hidden = !this.none.textContent;
    this.table.element.hidden = !found.length;
    list(this.table.body, found, one => one.release.digest + one.release.reference, one => this.row(one));
    return found.length;
  }

  row({release, here, holders}) {
    const name = [release.reference, release.description ? h('span', {class: 'about'}, release.description) : null].filter(Boolean);
    const named = holders.slice(0, HOLDERS).map(at => h('li', {}, placeLink(at.place), at.added ? ' (added)' : ''));
    const rest = holders.slice(HOLDERS);
    const held = h('td', {}, h('ul', {class: 'holders'}, named),
      rest.length ? h('details', {}, h('summary', {}, `and ${count(rest.length, 'more place')}`), h('ul', {class: 'holders'}, rest.map(at => h('li', {}, placeLink(at.place))))) : null);
    return row(h('span', {title: release.digest}, name), release.runtime, h('td', {class: 'number'}, release.length.text), standing(here), held);
  }
}

const standing = here => {
  if (!here) return 'no';
  const whole = here.whole ? 'whole' : `${here.bytes.text} so far`;
  const parts = [whole, here.from && `from ${here.from}`, here.pinned && 'pinned', here.instances ? `runs ${count(here.instances, 'time')}` : null];
  return parts.filter(Boolean).join(', ');
};
