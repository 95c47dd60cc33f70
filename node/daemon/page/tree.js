// The tree of places: of thousands only those rows are there that are in view.

import {h} from './dom.js';
import {count, depthOf, labelOf, parentOf, percent, urgency, withheld} from './format.js';

const ROW = 30;
/** Rows beyond what is in view, so that scrolling shows no gaps. */
const SPARE = 8;
/** Larger trees begin folded below the first level. */
const UNFOLDED = 300;
/** How long an agent that came by is seen. */
const SEEN = 1600;

// Labels have no character before `-`, so that a place's locality follows right behind it.
const order = name => name.replaceAll('/', '\u0001');

export class Tree {
  /** `choose` is told the place that is chosen. */
  constructor(element, choose) {
    this.element = element;
    this.choose = choose;
    this.space = h('div', {class: 'space', role: 'presentation'});
    element.append(this.space);
    this.places = new Map();
    this.members = -1;
    this.nodes = new Map();
    this.roots = [];
    this.folded = new Map();
    this.rows = [];
    this.at = new Map();
    this.shown = new Map();
    this.sought = '';
    this.selected = '';
    this.active = '';
    this.typed = '';
    element.addEventListener('scroll', () => this.draw());
    element.addEventListener('keydown', event => this.key(event));
    element.addEventListener('click', event => this.click(event));
    new ResizeObserver(() => this.draw()).observe(element);
  }

  /** Shows these places; `members` is another number whenever there are others. */
  set(places, members) {
    this.places = places;
    if (members !== this.members) {
      this.members = members;
      this.build();
    }
    this.draw();
  }

  select(name) {
    if (name === this.selected) return;
    this.selected = name;
    for (let above = parentOf(name); above; above = parentOf(above)) this.folded.set(above, false);
    this.list();
    // What is looked at may be above the place that serves the page.
    if (this.at.has(name)) this.active = name;
    this.show(name);
    this.draw();
  }

  /** Only places with that in their name, and those above them. How many there are. */
  filter(sought) {
    if (sought !== this.sought) {
      this.sought = sought;
      this.list();
      this.element.scrollTop = 0;
      this.draw();
    }
    return this.matching;
  }

  /** The first place that is sought. */
  first() {
    return this.rows.find(name => name.toLowerCase().includes(this.sought));
  }

  /** An agent came by. */
  mark(name) {
    const node = this.nodes.get(name);
    if (!node) return;
    node.walked = Date.now();
    const row = this.shown.get(name);
    if (!row) return;
    row.classList.remove('walked');
    // So that it begins anew if it is still seen.
    void row.offsetWidth;
    row.classList.add('walked');
    setTimeout(() => { if (Date.now() - node.walked >= SEEN) row.classList.remove('walked'); }, SEEN);
  }

  build() {
    const names = [...this.places.keys()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
    const nodes = new Map(names.map(name => [name, {children: [], walked: this.nodes.get(name)?.walked ?? 0}]));
    this.roots = [];
    for (const name of names) {
      const above = nodes.get(parentOf(name));
      (above ? above.children : this.roots).push(name);
    }
    this.nodes = nodes;
    this.names = names;
    this.top = Math.min(...this.roots.map(depthOf));
    this.list();
  }

  isFolded(name) {
    return this.folded.get(name) ?? (this.nodes.size > UNFOLDED && !this.roots.includes(name));
  }

  /** Which rows there are, from top to bottom. */
  list() {
    const rows = [];
    const sought = this.sought;
    let wanted = null;
    this.matching = this.nodes.size;
    if (sought) {
      wanted = new Set();
      const matching = (this.names ?? []).filter(name => name.toLowerCase().includes(sought));
      this.matching = matching.length;
      for (const name of matching) for (let at = name; this.nodes.has(at); at = parentOf(at)) wanted.add(at);
    }
    const walk = names => {
      const here = wanted ? names.filter(name => wanted.has(name)) : names;
      here.forEach((name, position) => {
        const node = this.nodes.get(name);
        node.position = [position + 1, here.length];
        rows.push(name);
        if (wanted || !this.isFolded(name)) walk(node.children);
      });
    };
    walk(this.roots);
    this.rows = rows;
    this.at = new Map(rows.map((name, row) => [name, row]));
    if (!this.at.has(this.active)) this.active = this.at.has(this.selected) ? this.selected : rows[0] ?? '';
    this.space.style.height = `${rows.length * ROW}px`;
  }

  /** Lets the rows in view be there, and the one that the keyboard is at. */
  draw() {
    const {scrollTop, clientHeight} = this.element;
    const from = Math.max(0, Math.floor(scrollTop / ROW) - SPARE);
    const until = Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight) / ROW) + SPARE);
    const wanted = new Set(this.rows.slice(from, until));
    if (this.at.has(this.active)) wanted.add(this.active);
    for (const [name, row] of this.shown) {
      if (wanted.has(name)) continue;
      row.remove();
      this.shown.delete(name);
    }
    for (const name of wanted) {
      let row = this.shown.get(name);
      if (!row) {
        row = this.row(name);
        this.shown.set(name, row);
        this.space.append(row);
      }
      this.update(row, name);
    }
  }

  row(name) {
    const row = h('div', {role: 'treeitem', id: `place-${name}`},
      h('span', {class: 'fold'}), h('span', {class: 'label'}), h('span', {class: 'mark'}),
      h('span', {class: 'sessions'}), h('span', {class: 'bar'}, h('span')), h('span', {class: 'load'}));
    row.dataset.place = name;
    if (Date.now() - (this.nodes.get(name)?.walked ?? 0) < SEEN) row.classList.add('walked');
    return row;
  }

  update(row, name) {
    const node = this.nodes.get(name);
    const place = this.places.get(name);
    const at = this.at.get(name);
    const folds = node.children.length > 0;
    const open = folds && (this.sought !== '' || !this.isFolded(name));
    const depth = depthOf(name) - this.top;
    const attributes = {
      'aria-level': depth + 1,
      'aria-posinset': node.position[0],
      'aria-setsize': node.position[1],
      'aria-expanded': folds ? String(open) : null,
      'aria-selected': String(name === this.selected),
      'aria-label': place.gone
        ? `${name}, no word of it any more`
        : [name, `load ${percent(place.load)}`, count(place.sessions, 'session'), ...withheld(place)].join(', '),
      tabindex: name === this.active ? '0' : '-1',
    };
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null) row.removeAttribute(key);
      else if (row.getAttribute(key) !== String(value)) row.setAttribute(key, value);
    }
    row.style.transform = `translateY(${at * ROW}px)`;
    row.style.setProperty('--depth', depth);
    row.classList.toggle('gone', place.gone);
    row.classList.toggle('withheld', withheld(place).length > 0);
    const [fold, label, , sessions, bar, load] = row.children;
    fold.textContent = folds ? (open ? '▾' : '▸') : '';
    label.textContent = depth ? labelOf(name) : name;
    label.title = [name, ...withheld(place)].join(', ');
    sessions.textContent = place.gone ? '' : place.sessions;
    bar.className = `bar ${urgency(place.load)}`;
    bar.firstChild.style.width = place.gone ? '0' : `${place.load / 10}%`;
    load.textContent = place.gone ? 'no word' : percent(place.load);
  }

  /** Scrolls so that a row is in view. */
  show(name) {
    const at = this.at.get(name);
    if (at === undefined) return;
    const {scrollTop, clientHeight} = this.element;
    if (at * ROW < scrollTop) this.element.scrollTop = at * ROW;
    else if ((at + 1) * ROW > scrollTop + clientHeight) this.element.scrollTop = (at + 1) * ROW - clientHeight;
  }

  focus(name) {
    if (name === undefined) return;
    this.active = name;
    this.show(name);
    this.draw();
    this.shown.get(name)?.focus({preventScroll: true});
  }

  fold(name, folded) {
    this.folded.set(name, folded);
    this.list();
    this.draw();
  }

  click(event) {
    const name = event.target.closest('[role=treeitem]')?.dataset.place;
    if (!name) return;
    if (event.target.classList.contains('fold') && this.nodes.get(name).children.length) {
      this.fold(name, !this.isFolded(name));
      return this.focus(name);
    }
    this.active = name;
    this.choose(name);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const name = this.active;
    const at = this.at.get(name) ?? 0;
    const node = this.nodes.get(name);
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1);
    const to = row => this.focus(this.rows[Math.min(Math.max(row, 0), this.rows.length - 1)]);
    const moves = {
      ArrowDown: () => to(at + 1),
      ArrowUp: () => to(at - 1),
      PageDown: () => to(at + page),
      PageUp: () => to(at - page),
      Home: () => to(0),
      End: () => to(this.rows.length - 1),
      ArrowRight: () => {
        if (!node?.children.length) return;
        if (this.isFolded(name) && !this.sought) this.fold(name, false);
        else to(at + 1);
      },
      ArrowLeft: () => {
        if (node?.children.length && !this.isFolded(name) && !this.sought) this.fold(name, true);
        else if (this.at.has(parentOf(name))) this.focus(parentOf(name));
      },
      Enter: () => this.choose(name),
      ' ': () => this.choose(name),
    };
    const move = moves[event.key] ?? (/^[a-z0-9-]$/i.test(event.key) ? () => this.type(event.key.toLowerCase(), at) : null);
    if (!move || !node) return;
    event.preventDefault();
    move();
  }

  /** Goes to the next place whose label begins with what is typed. */
  type(letter, at) {
    clearTimeout(this.typing);
    this.typed += letter;
    this.typing = setTimeout(() => { this.typed = ''; }, 700);
    const begin = this.typed.length > 1 ? at : at + 1;
    const after = [...this.rows.slice(begin), ...this.rows.slice(0, begin)];
    this.focus(after.find(name => labelOf(name).startsWith(this.typed)));
  }
}
