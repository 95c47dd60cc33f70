// Names, times and amounts as people say them.

import {h} from './dom.js';

/** The place above; nothing for a root. */
export const parentOf = name => {
  const at = name.lastIndexOf('/');
  return at < 0 ? '' : name.slice(0, at);
};

/** The last label of a name. */
export const labelOf = name => name.slice(name.lastIndexOf('/') + 1);

export const depthOf = name => name.split('/').length - 1;

/** Thousandths as percent. */
export const percent = thousandths => `${Math.floor(thousandths / 10)}.${thousandths % 10} %`;

/** How urgent a load is. */
export const urgency = thousandths => (thousandths >= 950 ? 'full' : thousandths >= 750 ? 'high' : 'fine');

/** What an operator keeps from being booked at a place of the tree. */
export const withheld = place => [
  ...(place.draining ? ['draining'] : []),
  ...(place.cordoned ?? []).map(resource => `${resource} cordoned`),
];

/** So many of something. */
export const count = (number, one, many = `${one}s`) => `${number} ${number === 1 ? one : many}`;

/** When something was that the place says an age of, by this machine's clock. */
export const since = age => Date.now() - age.micros / 1000;

/** How long ago that was, in words. */
export const ago = then => {
  const seconds = Math.max(0, Math.floor((Date.now() - then) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`;
};

/** How long ago something was; it goes on counting. */
export const agoElement = then => h('span', {class: 'ago', 'data-since': Math.round(then)}, ago(then));

/** Lets all that count go on. */
export const countOn = () => {
  for (const element of document.querySelectorAll('.ago')) {
    const text = ago(Number(element.dataset.since));
    if (element.textContent !== text) element.textContent = text;
  }
};

/** The time of day of something, with the whole date at hand. */
export const clock = then => {
  const date = new Date(then);
  return h('time', {datetime: date.toISOString(), title: date.toLocaleString()}, date.toLocaleTimeString());
};

/** `cpu 250m, memory 64 MiB`. */
export const amounts = list => (list.length ? list.map(one => `${one.resource} ${one.text}`).join(', ') : 'nothing');

/** Whether one of the texts has what is sought; nothing sought is in all. */
export const has = (sought, ...texts) => !sought || texts.some(text => text?.toLowerCase().includes(sought));

/** Where the page shows a place, or a session at it. */
export const address = (place, session) => `#place=${place}${session ? `&session=${session}` : ''}`;

/** A link to a place. */
export const placeLink = (name, text = name) => h('a', {href: address(name)}, text);

/** The first digits of a session's number: enough for people to tell them apart. */
export const shortId = id => id.slice(0, 8);
