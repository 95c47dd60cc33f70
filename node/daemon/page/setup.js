// How a session was set up: what took how long at which place, as a waterfall.

import {get} from './api.js';
import {h, list, part, row, say, table} from './dom.js';
import {placeLink} from './format.js';

/** A trace that is not whole yet is asked for again, but not before that, in milliseconds. */
const PACE = 2000;

const bar = (left, width, wrong) => {
  const element = h('span', {class: `bar took${wrong ? ' wrong' : ''}`, 'aria-hidden': 'true'}, h('span'));
  element.firstChild.style.marginLeft = `${left * 100}%`;
  element.firstChild.style.width = `max(2px, ${width * 100}%)`;
  return element;
};

export class Setup {
  constructor(place, id) {
    [this.place, this.id] = [place, id];
    this.table = table('setup-table', 'What took how long while the session was set up, from the client’s place on', [
      ['Place'], ['What'], ['From begin to end'], ['Began', 'number'], ['Took', 'number'],
    ]);
    this.none = h('p', {class: 'none', hidden: true});
    this.element = part('setup', 'Set-up', this.none, this.table.element);
    this.asked = 0;
  }

  /** With the trace, as long as the places remember it; else with what they reported at the end. */
  async show({journey}) {
    this.element.hidden = false;
    if (!this.spans) this.rows(journey.map(one => ({place: one.place, name: 'until it was ready, all beyond included', took: one.took, begin: null, notes: []})));
    if (this.whole || Date.now() - this.asked < PACE) return;
    this.asked = Date.now();
    try {
      const {spans, untold} = await get(`/setups/${this.id}/trace`, this.place);
      this.spans = spans;
      this.whole = spans.every(one => one.took);
      this.rows(spans);
      say(this.none, untold.map(one => `${one.place} says nothing: ${one.problem}`).join('; '));
    } catch (error) {
      if (error.status === 404) this.whole = true;
      if (!this.spans) say(this.none, error.message);
    }
    this.none.hidden = !this.none.textContent;
  }

  rows(spans) {
    const end = Math.max(1, ...spans.map(one => (one.begin?.micros ?? 0) + (one.took?.micros ?? 0)));
    this.table.element.hidden = !spans.length;
    const numbered = spans.map((one, number) => ({...one, key: one.id ?? String(number), end}));
    list(this.table.body, numbered, one => one.key, one => this.row(one));
  }

  row({place, name, begin, took, problem, notes, end}) {
    const from = begin?.micros ?? 0;
    const lasts = took?.micros ?? end - from;
    const about = [problem, ...notes.map(note => note.text)].filter(Boolean).join('; ');
    const what = h('td', {}, name, about ? h('span', {class: 'about'}, about) : null);
    return row(placeLink(place), what, h('td', {class: 'bars'}, bar(from / end, lasts / end, problem)),
      h('td', {class: 'number'}, begin?.text ?? ''), h('td', {class: 'number'}, took?.text ?? 'not over'));
  }
}
