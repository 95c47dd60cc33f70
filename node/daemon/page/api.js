// What is asked of the place that serves this page.

const PREFIX = '/api/v1';
/** A stream that is silent for so long is dead: the place sends a comment every 15 s. */
const SILENCE = 45_000;
const PAUSES = [500, 1_000, 2_000, 5_000];

let token = '';

export const setToken = text => { token = text; };

/** What the place says went wrong, as an error. */
export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

const url = (path, at, query = {}) => {
  const fields = new URLSearchParams(query);
  if (at) fields.set('at', at);
  const text = fields.toString();
  return PREFIX + path + (text ? `?${text}` : '');
};

const ask = async (address, accept, signal) => {
  const headers = {authorization: `Bearer ${token}`, accept};
  const answer = await fetch(address, {headers, signal, cache: 'no-store'});
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, problem);
};

/** An answer of the place, or of the place `at`. */
export const get = async (path, at, query) => (await ask(url(path, at, query), 'application/json')).json();

/** The events in a stream of text. */
async function* events(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    alive();
    rest += value;
    for (let end; (end = rest.indexOf('\n\n')) >= 0;) {
      const lines = rest.slice(0, end).split('\n');
      rest = rest.slice(end + 2);
      const field = name => lines.filter(line => line.startsWith(`${name}: `)).map(line => line.slice(name.length + 2)).join('\n');
      if (field('event')) yield [field('event'), JSON.parse(field('data'))];
    }
  }
}

const pause = time => new Promise(done => { setTimeout(done, time); });

/** Waits until somebody looks at the page. */
const visible = () => new Promise(done => {
  if (!document.hidden) return done();
  document.addEventListener('visibilitychange', done, {once: true});
});

/**
 * Watches a place until `close` is called. `told` gets each event; `stands` whether the stream does, and
 * why not. While nobody looks at the page there is no stream: browsers have few for each host.
 */
export const watch = (at, query, {told, stands}) => {
  let closed = false;
  let current;
  const hide = () => { if (document.hidden) current?.abort('hidden'); };
  document.addEventListener('visibilitychange', hide);
  const once = async () => {
    const abort = current = new AbortController();
    let alarm;
    const alive = () => {
      clearTimeout(alarm);
      alarm = setTimeout(() => abort.abort('silent'), SILENCE);
    };
    alive();
    try {
      const answer = await ask(url('/events', at, query), 'text/event-stream', abort.signal);
      for await (const [event, news] of events(answer.body, alive)) {
        if (closed) return;
        // The token has been revoked, or has expired.
        if (event === 'refused') throw Object.assign(new Problem(news.status, news), {ended: true});
        told(event, news);
        stands(true);
      }
    } finally {
      clearTimeout(alarm);
      abort.abort();
    }
  };
  const run = async () => {
    let tries = 0;
    while (!closed) {
      await visible();
      const began = Date.now();
      let why = null;
      try { await once(); } catch (error) { why = error; }
      if (closed) return;
      if (!document.hidden) stands(false, why);
      if (why instanceof Problem && why.status === 401) return;
      tries = Date.now() - began > 10_000 ? 0 : tries + 1;
      if (!document.hidden) await pause(PAUSES[Math.min(tries, PAUSES.length - 1)]);
    }
  };
  run();
  return {
    close() {
      closed = true;
      document.removeEventListener('visibilitychange', hide);
      current?.abort('closed');
    },
  };
};
