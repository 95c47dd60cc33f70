// Elements, and lists of them that keep what has not changed.

const SVG = 'http://www.w3.org/2000/svg';

const dress = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
};

/** An HTML element; functions among the attributes listen to the event of that name. */
export const h = (tag, attributes = {}, ...children) => dress(document.createElement(tag), attributes, children);

/** An SVG element. */
export const svg = (tag, attributes = {}, ...children) => dress(document.createElementNS(SVG, tag), attributes, children);

export const byId = id => document.getElementById(id);

/** Says a text where it does not say it already: what is said again is read out again. */
export const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

const kept = new WeakMap();

/**
 * Lets a parent have one child for each item, in order. A child whose item is what it was stays; one that
 * is made anew takes over the focus.
 */
export const list = (parent, items, key, make) => {
  const before = kept.get(parent) ?? new Map();
  const after = new Map();
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const text = JSON.stringify(item);
    let entry = before.get(name);
    if (!entry || entry.text !== text) {
      const element = make(item);
      element.dataset.key = name;
      if (entry) {
        const at = focusable(entry.element).indexOf(document.activeElement);
        if (entry.element === next) next = element;
        entry.element.replaceWith(element);
        if (at >= 0) focusable(element)[at]?.focus({preventScroll: true});
      }
      entry = {element, text};
    }
    if (entry.element === next) next = next.nextElementSibling;
    else parent.insertBefore(entry.element, next);
    after.set(name, entry);
  }
  for (const [name, entry] of before) if (!after.has(name)) entry.element.remove();
  kept.set(parent, after);
};

const focusable = element => [...element.querySelectorAll('a[href], button, summary')];

/** A part of the page under a heading, and what goes into it. */
export const part = (id, heading, ...children) => {
  const title = h('h2', {id: `${id}-heading`}, heading);
  return h('section', {id, 'aria-labelledby': `${id}-heading`}, title, ...children);
};

/** A table with its caption and columns; its rows are given to `list`. */
export const table = (id, caption, columns) => {
  const heads = columns.map(([text, kind]) => h('th', {scope: 'col', class: kind}, text));
  const body = h('tbody');
  const whole = h('table', {id}, h('caption', {class: 'unseen'}, caption), h('thead', {}, h('tr', {}, heads)), body);
  // What is too wide scrolls by itself, and so must be reached by the keyboard.
  const element = h('div', {class: 'wide', role: 'region', 'aria-label': caption, tabindex: '0'}, whole);
  return {element, body};
};

/** A row of a table; the first cell is what the row is about. */
export const row = (first, ...cells) => h('tr', {},
  h('th', {scope: 'row'}, first),
  cells.map(cell => (cell instanceof HTMLTableCellElement ? cell : h('td', {}, cell))));
