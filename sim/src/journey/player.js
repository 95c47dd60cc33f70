'use strict';
(() => {
  const get = id => document.getElementById(id);
  const data = JSON.parse(get('recording').textContent);
  const {moments, steps, walks, stays, levels, parents, walkers, several} = data;
  const last = moments.length - 1;
  const figure = get('animation');
  const [play, back, next, speed, time, clock, now, agents] =
    ['play', 'back', 'next', 'speed', 'time', 'clock', 'now', 'agents'].map(get);
  const rows = [...document.querySelectorAll('#steps tbody tr')];
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const SVG = 'http://www.w3.org/2000/svg';
  // Strongest last: what a card looks like where several sessions are.
  const STATES = ['', 'refused', 'held', 'ready', 'established'];

  // Where the page is: a moment's number, with what has passed of the stretch to the next one.
  let at = 0;
  let playing = false;
  let drawn = -1;
  let current = -1;
  let frame = 0;
  let before = 0;
  const shapes = [];

  const clamp = x => Math.min(Math.max(x, 0), last);
  const stretch = moment => moment < last ? moments[moment + 1][1] - moments[moment][1] : 1;

  // The page's own clock at a position, in seconds of normal speed.
  const shown = position => {
    const moment = Math.floor(position);
    return moments[moment][1] + (position - moment) * stretch(moment);
  };
  // And back.
  const position = clock => {
    let low = 0, high = last;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (moments[middle][1] <= clock) low = middle; else high = middle - 1;
    }
    return clamp(low + (clock - moments[low][1]) / stretch(low));
  };

  const shape = number => {
    while (shapes.length <= number) {
      const group = document.createElementNS(SVG, 'g');
      const path = document.createElementNS(SVG, 'path');
      const text = document.createElementNS(SVG, 'text');
      text.setAttribute('class', 'ink');
      text.setAttribute('y', '-13');
      text.setAttribute('text-anchor', 'middle');
      text.setAttribute('font-size', '11');
      group.append(path, text);
      agents.append(group);
      shapes.push({group, path, text});
    }
    return shapes[number];
  };

  // Everybody who is on the way now.
  const walk = () => {
    let used = 0;
    const here = shown(at);
    for (const [from, to, start, end, kind, session, label, lost] of walks) {
      if (start > at || end < at || start === end) continue;
      if (end === at && at > start) continue;
      const [first, until] = [moments[start][1], moments[end][1]];
      let share = still.matches ? 0.5 : (here - first) / (until - first);
      if (lost) share /= 2;
      // Clear of the cards at both ends.
      share = 0.05 + 0.9 * share;
      const up = parents[from] === to;
      const edge = get('edge-' + (up ? from : to));
      if (!edge) continue;
      const along = edge.getTotalLength() * (up ? 1 - share : share);
      const point = edge.getPointAtLength(along);
      const {group, path, text} = shape(used++);
      const [name, outline] = walkers[kind];
      group.setAttribute('transform', `translate(${point.x.toFixed(1)} ${point.y.toFixed(1)})`);
      group.removeAttribute('display');
      path.setAttribute('class', 'agent ' + name + (lost ? ' lost' : ''));
      path.setAttribute('d', outline);
      text.textContent = several ? session + ': ' + label : label;
    }
    shapes.slice(used).forEach(({group}) => group.setAttribute('display', 'none'));
    figure.dataset.agents = used;
  };

  // Bookings, and whose agents stay where, as of a moment.
  const settle = moment => {
    const bars = new Map();
    for (const [when, bar, booked, held, says] of levels) {
      // How a bar was before its first change is how it begins.
      if (when <= moment || !bars.has(bar)) bars.set(bar, [booked, held, says]);
    }
    for (const [bar, [booked, held, says]] of bars) {
      const [full, more] = [get('booked-' + bar), get('held-' + bar)];
      const width = Number(full.dataset.width);
      full.setAttribute('width', booked * width);
      more.setAttribute('width', Math.min(booked + held, 1) * width);
      get('says-' + bar).textContent = says;
    }
    const present = parents.map(() => new Map());
    for (const [when, place, session, state] of stays) {
      if (when > moment) break;
      const known = present[place].get(session);
      // A refusal is over with its moment, unless the agent stays for another solution.
      if (state === 'refused') {
        if (when === moment && !known) present[place].set(session, state);
      } else if (state === '') {
        present[place].delete(session);
      } else {
        present[place].set(session, state);
      }
    }
    present.forEach((sessions, place) => {
      const states = [...sessions.values()];
      const strongest = STATES[Math.max(0, ...states.map(state => STATES.indexOf(state)))];
      get('place-' + place).querySelector('.card').setAttribute('class', 'card ' + strongest);
      get('stay-' + place).textContent =
        !several ? strongest : states.length === 0 ? '' :
          states.length === 1 ? '1 session' : states.length + ' sessions';
    });
    // The steps of this moment, and all before.
    let done = steps.length;
    while (done > 0 && steps[done - 1] > moment) done--;
    if (done - 1 !== current) {
      rows[current]?.removeAttribute('aria-current');
      current = done - 1;
      rows[current]?.setAttribute('aria-current', 'step');
    }
    const says = [];
    for (let step = current; step >= 0 && steps[step] === moment; step--) {
      const [, session, place, what] = rows[step].children;
      const whose = several ? session.textContent + ', ' : '';
      says.unshift(whose + place.textContent + ': ' + what.textContent);
    }
    // While it plays nobody could read it out in time.
    now.setAttribute('aria-live', playing ? 'off' : 'polite');
    if (says.length) now.textContent = says.join('; ');
  };

  const draw = () => {
    const moment = Math.floor(at);
    if (moment !== drawn) {
      drawn = moment;
      settle(moment);
    }
    walk();
    const [here] = moments[moment];
    const there = moment < last ? moments[moment + 1][0] : here;
    const seconds = here + (at - moment) * (there - here);
    clock.textContent = seconds.toFixed(6) + ' s';
    time.value = at;
    time.setAttribute('aria-valuetext', clock.textContent);
    figure.dataset.moment = moment;
    figure.dataset.playing = playing;
  };

  const pause = () => {
    playing = false;
    play.textContent = 'Play';
    cancelAnimationFrame(frame);
    drawn = -1;
    draw();
  };

  const tick = stamp => {
    if (!playing) return;
    const passed = Math.min((stamp - before) / 1000, 0.25) * Number(speed.value);
    if (still.matches) {
      // In steps rather than motion: each moment stands for as long as its stretch would take.
      if ((stamp - before) / 1000 * Number(speed.value) >= Math.max(stretch(Math.floor(at)), 0.8)) {
        at = clamp(Math.floor(at) + 1);
        before = stamp;
      }
    } else {
      at = position(shown(at) + passed);
      before = stamp;
    }
    if (at >= last) {
      at = last;
      pause();
      return;
    }
    draw();
    frame = requestAnimationFrame(tick);
  };

  const start = () => {
    if (at >= last) at = 0;
    playing = true;
    play.textContent = 'Pause';
    before = performance.now();
    draw();
    frame = requestAnimationFrame(tick);
  };

  const toggle = () => playing ? pause() : start();
  const step = by => {
    // From within a stretch, back means to its beginning.
    at = by > 0 ? clamp(Math.floor(at) + 1) : clamp(Math.ceil(at) - 1);
    pause();
  };

  play.addEventListener('click', toggle);
  back.addEventListener('click', () => step(-1));
  next.addEventListener('click', () => step(1));
  time.addEventListener('input', () => {
    at = clamp(Number(time.value));
    if (still.matches) at = Math.round(at);
    pause();
  });
  still.addEventListener('change', () => draw());
  document.addEventListener('keydown', event => {
    const own = event.target.closest?.('button, select, input, summary, a');
    if (own || event.altKey || event.ctrlKey || event.metaKey) return;
    const act = {' ': toggle, ArrowRight: () => step(1), ArrowLeft: () => step(-1)}[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
  document.querySelectorAll('.controls, .keys').forEach(element => { element.hidden = false; });
  draw();
})();
