import Hls from '../../node_modules/hls.js/dist/hls.mjs';

const $ = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const film = /** @type {HTMLVideoElement} */ ($('film'));
const openButton = /** @type {HTMLButtonElement} */ ($('open'));
const closeButton = /** @type {HTMLButtonElement} */ ($('close'));

/** @import { EstablishedInfo, Problem, ProgressInfo, RefusalInfo } from '../../types/forms.js' */

/** @type {EstablishedInfo | undefined} */
let session;
/** @type {Hls | undefined} */
let player;

/** @param {string} text */
const say = (text) => { $('status').textContent = text; };

/**
 * A row of a table; a cell of two texts has the second in small letters.
 * @param {(string | [string, string])[]} cells
 */
function row(cells) {
  const line = document.createElement('tr');
  for (const cell of cells) {
    const [text, small] = typeof cell === 'string' ? [cell, ''] : cell;
    const data = document.createElement('td');
    data.textContent = text;
    if (small) {
      const more = document.createElement('small');
      more.textContent = small;
      data.append(more);
    }
    line.append(data);
  }
  return line;
}

/** @param {RefusalInfo[]} refusals */
function showRefusals(refusals) {
  $('refused').replaceChildren(
    ...refusals.map(({ quality, place, text, remedy }) => row([quality ?? '', place, [text, remedy]])),
  );
  $('refusals').hidden = refusals.length === 0;
  $('granted').hidden = refusals.length > 0;
}

/** @param {EstablishedInfo | undefined} found */
function show(found) {
  session = found;
  $('quality').textContent = found?.quality ?? '–';
  $('session').textContent = found?.session ?? '–';
  $('took').textContent = found?.took.text ?? '–';
  $('journey').replaceChildren(
    ...(found?.journey ?? []).map(({ place, booked, components }) => row([
      place,
      booked.map(({ resource, text }) => `${resource} ${text}`).join(', ') || '–',
      components.map(({ name }) => name).join(', ') || '–',
    ])),
  );
  openButton.textContent = found ? 'Open again' : 'Open';
  closeButton.disabled = !found;
}

/** @param {string} url */
function play(url) {
  player = new Hls();
  player.on(Hls.Events.FRAG_CHANGED, (_event, { frag }) => {
    const level = player?.levels[frag.level];
    if (level) $('playing').textContent = `${level.width} × ${level.height}, up to ${Math.round(level.bitrate / 1000)} kbit/s`;
  });
  player.on(Hls.Events.ERROR, (_event, { fatal, details }) => {
    if (fatal) say(`The player gave up: ${details}.`);
  });
  player.loadSource(url);
  player.attachMedia(film);
}

function stop() {
  player?.destroy();
  player = undefined;
  $('playing').textContent = '–';
}

/**
 * What a step on the way means.
 * @param {ProgressInfo} progress
 */
function step({ place, step: { kind } }) {
  const words = { held: 'held at', refused: 'refused at', 'traced-back': 'back from', ready: 'ready at', downloading: 'code is coming to' };
  say(`${words[kind] ?? kind} ${place}`);
}

async function open() {
  await close();
  showRefusals([]);
  say('Asking…');
  const response = await fetch('/open', { method: 'POST' });
  if (!response.ok || !response.body) return say((await response.json()).detail);
  const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let piece = await lines.read(); !piece.done; piece = await lines.read()) {
    const whole = (text + piece.value).split('\n');
    text = whole.pop() ?? '';
    for (const line of whole) heard(JSON.parse(line));
  }
}

/** @param {{ progress?: ProgressInfo, session?: EstablishedInfo, problem?: Problem }} news */
function heard(news) {
  if (news.progress) step(news.progress);
  if (news.problem) {
    say(`There is no session: ${news.problem.detail}.`);
    showRefusals(news.problem.refused ?? []);
  }
  if (news.session) {
    show(news.session);
    showRefusals(news.session.refused);
    say(`Open at quality ${news.session.quality}.`);
    if (news.session.urls) play(`${news.session.urls.path}master.m3u8`);
    void watch(news.session.session);
  }
}

/**
 * Says so when the session ends, whoever ends it.
 * @param {string} id
 */
async function watch(id) {
  const response = await fetch(`/ended/${id}`);
  const end = await response.json();
  if (session?.session !== id) return;
  stop();
  show(undefined);
  say(`The session is over: ${end.text ?? end.detail}.`);
}

async function close() {
  if (!session) return;
  const id = session.session;
  stop();
  show(undefined);
  await fetch(`/close/${id}`, { method: 'POST' });
  say('Closed.');
}

/** One at a time, and what goes wrong is said. */
async function act(/** @type {() => Promise<void>} */ what) {
  openButton.disabled = true;
  try {
    await what();
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}`);
  }
  openButton.disabled = false;
}

openButton.addEventListener('click', () => void act(open));
closeButton.addEventListener('click', () => void act(close));
addEventListener('pagehide', () => {
  if (session) navigator.sendBeacon(`/close/${session.session}`);
});

const about = await (await fetch('/about')).json();
$('place').textContent = about.place ?? about.detail;
$('title').textContent = about.title ?? '';
