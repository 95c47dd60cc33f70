// The page as a whole: which place is looked at, and who tells what of it.

import {setToken, watch} from './api.js';
import {byId, say} from './dom.js';
import {address, count, countOn} from './format.js';
import {PlaceView} from './place.js';
import {SessionView} from './session.js';
import {Store} from './store.js';
import {Tree} from './tree.js';

const TOKEN = 'waybook-token';
const THEME = 'waybook-theme';
/** Announcements are at least so far apart, in milliseconds. */
const CALM = 5000;

/** The place that serves the page, which tells of all places below it. */
const home = new Store();
/** The place that is looked at, if it is another one. */
let other = null;
let watching = null;
let watchingOther = null;
let route = {place: '', session: ''};
let session = null;
let problem = null;
let sought = '';

const name = () => route.place || home.place?.name || '';
const store = () => other ?? home;

const tree = new Tree(byId('tree'), place => { location.hash = address(place); });
const view = new PlaceView(() => draw());
const main = byId('main');

// What has changed is drawn with the next frame, however much it is.
let waiting = false;
const draw = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    show();
  });
};

const show = () => {
  tree.set(home.tree, home.members);
  if (!home.place) return;
  tree.select(name());
  const places = tree.filter(sought);
  const there = [...home.tree.values()].filter(one => !one.gone).length;
  say(byId('places-count'), there === home.tree.size ? String(there) : `${there} of ${home.tree.size}`);
  const told = name() === home.place.name ? null : home.tree.get(name())?.since;
  const found = view.show(name(), store(), told, problem, sought);
  const shown = session ? session.element : view.element;
  if (main.firstChild !== shown) main.replaceChildren(shown);
  say(byId('found'), sought ? [
    count(places, 'place'), count(found.sessions, 'session'), count(found.refusals, 'refusal'),
    count(found.presentations, 'presentation'), count(found.components, 'component')].join(', ') : '');
  document.title = session ? `Session at ${name()} – Waybook` : `${name()} – Waybook`;
};

// News is told now and then in one sentence, not as it comes.
const news = {established: 0, ended: 0, refused: 0};
let announcing = null;
const announce = fresh => {
  for (const what of Object.keys(news)) news[what] += fresh[what];
  if (announcing || !Object.values(news).some(Boolean)) return;
  announcing = setTimeout(() => {
    announcing = null;
    const parts = Object.entries(news).filter(([, number]) => number).map(([what, number]) => `${number} ${what}`);
    say(byId('announcer'), `At ${name()}: ${parts.join(', ')}.`);
    for (const what of Object.keys(news)) news[what] = 0;
  }, CALM);
};

const take = (into, event, told) => {
  const fresh = into.take(event, told);
  if (into === store()) announce(fresh);
  for (const walk of fresh.walks) {
    tree.mark(walk.to);
    session?.walked(walk);
  }
  if (session && [...told.hops ?? [], ...told.left ?? []].some(hop => (hop.session ?? hop) === session.id)) session.ask();
  draw();
};

const connection = byId('connection');
const stands = (there, why) => {
  if (!there && why?.status === 401) return ask(why.ended ? `${why.message}.` : 'This is not the token of this place.');
  connection.className = there ? 'live' : 'lost';
  say(connection, there ? 'Live' : 'Connecting again…');
  connection.title = there ? '' : why?.message ?? '';
};

const watchOther = () => {
  watchingOther?.close();
  [watchingOther, other, problem] = [null, null, null];
  if (!home.place || name() === home.place.name) return;
  const into = other = new Store();
  watchingOther = watch(name(), {tree: 'false'}, {
    told: (event, told) => { if (into === other) take(into, event, told); },
    stands: (there, why) => {
      if (into !== other) return;
      problem = there ? null : why?.message ?? null;
      draw();
    },
  });
};

/** Goes where the address says. */
const go = () => {
  const fields = new URLSearchParams(location.hash.slice(1));
  const to = {place: fields.get('place') ?? '', session: fields.get('session') ?? ''};
  const moved = to.place !== route.place;
  const began = !route.began;
  const same = !moved && to.session === route.session;
  route = {...to, began: true};
  if (moved || began) watchOther();
  if (same && !began) return;
  session?.close();
  session = to.session ? new SessionView(name(), to.session) : null;
  draw();
  if (!began) {
    main.scrollTop = 0;
    // Whoever follows a link by the keyboard or hears the page goes on at what it leads to.
    if (!byId('tree').contains(document.activeElement)) main.focus({preventScroll: true});
  }
};

const begin = token => {
  setToken(token);
  sessionStorage.setItem(TOKEN, token);
  byId('login').hidden = true;
  document.body.classList.add('known');
  say(connection, 'Connecting…');
  watching?.close();
  watching = watch('', {}, {
    told: (event, told) => {
      take(home, event, told);
      if (!route.began) go();
    },
    stands,
  });
};

/** Asks for the token. */
const ask = why => {
  watching?.close();
  watchingOther?.close();
  sessionStorage.removeItem(TOKEN);
  document.body.classList.remove('known');
  byId('login').hidden = false;
  say(byId('token-wrong'), why);
  byId('token').focus();
};

byId('show-token').addEventListener('submit', event => {
  event.preventDefault();
  const token = byId('token').value.trim();
  byId('token').value = '';
  if (token) begin(token);
});

byId('filter').addEventListener('submit', event => {
  event.preventDefault();
  const first = tree.first();
  if (sought && first) location.hash = address(first);
});
const search = byId('search');
search.addEventListener('input', () => {
  sought = search.value.trim().toLowerCase();
  draw();
});
search.addEventListener('keydown', event => {
  if (event.key === 'ArrowDown') {
    event.preventDefault();
    tree.focus(tree.first() ?? tree.rows[0]);
  }
});
document.addEventListener('keydown', event => {
  const typing = event.target.closest?.('input, textarea');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  }
});
byId('skip').addEventListener('click', event => {
  event.preventDefault();
  main.focus();
});

// Light, dark, or what the machine is set to.
const THEMES = ['auto', 'light', 'dark'];
const theme = byId('theme');
const dress = which => {
  document.documentElement.dataset.theme = which;
  say(theme, `Colours: ${which}`);
};
dress(THEMES.includes(localStorage.getItem(THEME)) ? localStorage.getItem(THEME) : 'auto');
theme.addEventListener('click', () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  localStorage.setItem(THEME, next);
  dress(next);
});

setInterval(countOn, 1000);
addEventListener('hashchange', () => { if (!takeToken() && home.place) go(); });

/** A token in the address is taken out of it at once, so that it is not copied along. */
function takeToken() {
  const fields = new URLSearchParams(location.hash.slice(1));
  const token = fields.get('token');
  if (!token) return false;
  fields.delete('token');
  const rest = [...fields].map(([key, value]) => `${key}=${value}`).join('&');
  history.replaceState(null, '', location.pathname + (rest ? `#${rest}` : ''));
  route = {place: '', session: ''};
  begin(token);
  return true;
}

if (!takeToken()) {
  const token = sessionStorage.getItem(TOKEN);
  if (token) begin(token);
  else ask('');
}
