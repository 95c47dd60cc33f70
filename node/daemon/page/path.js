// Paths as pictures: from the client's place up to where the paths meet, and down to the server's.

import {svg} from './dom.js';
import {amounts, count, depthOf, labelOf, parentOf} from './format.js';

/** What a path is, in words. */
export const inWords = path => (path.length === 1
  ? `at ${path[0]} alone`
  : `from ${path[0]} to ${path.at(-1)}, ${count(path.length, 'place')}`);

const line = points => points.map(([x, y], at) => `${at ? 'L' : 'M'}${x} ${y}`).join('');

/** A path in a row of a table; the place that is looked at is filled. */
export const small = (path, here) => {
  const [step, rise, pad] = [14, 5, 5];
  const top = Math.min(...path.map(depthOf));
  const points = path.map((name, at) => [pad + at * step, pad + (depthOf(name) - top) * rise]);
  const width = 2 * pad + (path.length - 1) * step;
  const height = 2 * pad + Math.max(...path.map(name => depthOf(name) - top)) * rise;
  return svg('svg', {class: 'path small', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': inWords(path)},
    svg('path', {d: line(points)}),
    points.map(([x, y], at) => svg('circle', {cx: x, cy: y, r: 3, class: path[at] === here ? 'here' : null})));
};

/** How a place of a path is, in a word. */
export const stateOf = one => {
  if (!one?.hop) return 'unknown';
  return one.hop.cut ? 'cut' : one.hop.phase;
};

const SIGNS = {established: '●', ready: '◐', held: '○', cut: '✕', unknown: '?'};

/** The whole path of a session, with what is booked; `hops` is what each place says. */
export const whole = (path, hops) => {
  const [step, rise, pad] = [128, 46, 64];
  const top = Math.min(...path.map(depthOf));
  const low = Math.max(...path.map(depthOf)) - top;
  const [width, height] = [2 * pad + (path.length - 1) * step, low * rise + 92];
  const points = path.map((name, at) => [pad + at * step, 30 + (depthOf(name) - top) * rise]);
  const edges = points.slice(1).map((to, at) => {
    const from = points[at];
    const name = `edge-${at}`;
    return svg('path', {id: name, class: 'edge', d: line([from, to])});
  });
  const places = path.map((name, at) => {
    const [x, y] = points[at];
    const state = stateOf(hops[at]);
    const end = at === 0 ? 'client' : at === path.length - 1 ? 'server' : '';
    const booked = hops[at]?.hop?.booked ?? [];
    const label = depthOf(name) > top || !parentOf(name) ? labelOf(name) : name;
    return svg('g', {class: `place ${state}`, transform: `translate(${x} ${y})`, 'data-place': name},
      svg('title', {}, `${name}: ${state}; ${amounts(booked)}`),
      svg('circle', {r: 13}),
      svg('text', {class: 'sign', y: 4.5}, SIGNS[state] ?? ''),
      svg('text', {class: 'name', y: 31}, label),
      end ? svg('text', {class: 'end', y: 46}, end) : null);
  });
  return svg('svg', {class: 'path whole', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img',
    'aria-label': `The path ${inWords(path)}. What each place says is in the table below.`},
    edges, places, svg('g', {class: 'agents', 'aria-hidden': 'true'}));
};

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** Lets an agent walk over one edge of a drawn path. */
export const walk = (picture, path, {from, to, kind}) => {
  const [a, b] = [path.indexOf(from), path.indexOf(to)];
  if (!picture || a < 0 || Math.abs(a - b) !== 1) return;
  const edge = picture.querySelector(`#edge-${Math.min(a, b)}`);
  const dot = svg('circle', {r: 5, class: `agent ${kind}`});
  picture.querySelector('.agents').append(dot);
  const long = edge.getTotalLength();
  const began = performance.now();
  const move = now => {
    const share = still.matches ? 0.5 : Math.min((now - began) / 700, 1);
    const point = edge.getPointAtLength(long * (a < b ? share : 1 - share));
    dot.setAttribute('cx', point.x);
    dot.setAttribute('cy', point.y);
    if (now - began < 900) requestAnimationFrame(move);
    else dot.remove();
  };
  move(began);
};
