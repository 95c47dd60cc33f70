// The demo's server: it opens sessions for a page and keeps the token. The page asks nobody else,
// but for the film, which comes from its session's URL.
//
//     node demo/server.js DATA-FOLDER [--title film] [--listen 127.0.0.1:8000]

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Waybook, WaybookProblem } from '../src/index.js';

const USAGE = 'usage: node demo/server.js DATA-FOLDER [--title film] [--listen 127.0.0.1:8000]';

const here = (/** @type {string} */ path) => new URL(path, import.meta.url);
/** @type {Record<string, [URL, string]>} */
const FILES = {
  '/': [here('page/index.html'), 'text/html; charset=utf-8'],
  '/page.js': [here('page/page.js'), 'text/javascript'],
  '/page.css': [here('page/page.css'), 'text/css'],
  '/node_modules/hls.js/dist/hls.mjs': [here('../node_modules/hls.js/dist/hls.min.mjs'), 'text/javascript'],
};

/**
 * @typedef {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse,
 *   id: string) => Promise<void>} Route
 */

/** @param {unknown} error */
const told = (error) => (error instanceof Error ? error.message : String(error));

/**
 * @param {import('node:http').ServerResponse} response
 * @param {number} status
 * @param {object} says
 */
function answer(response, status, says) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(says));
}

/**
 * Serves the page for one place.
 * @param {Waybook} place
 * @param {string} title
 */
function demo(place, title) {
  /** The sessions of this demo; no others can be closed through it. @type {Set<string>} */
  const sessions = new Set();

  /** @type {Record<string, Route>} */
  const routes = {
    'GET /about': async (_request, response) => {
      const { name, strategy } = await place.place();
      answer(response, 200, { place: name, strategy, title });
    },
    // Lines of JSON: the progress, and last what became of it.
    'POST /open': async (request, response) => {
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
      const tell = (/** @type {object} */ news) => response.write(`${JSON.stringify(news)}\n`);
      try {
        const onProgress = (/** @type {object} */ progress) => tell({ progress });
        const session = await place.open({ title }, { onProgress, signal: gone.signal });
        sessions.add(session.session);
        await place.claim(session.session);
        if (gone.signal.aborted) await place.close(session.session);
        // What is remembered of the set-up names the quality of each solution as well.
        const { refused } = await place.setup(session.session).catch(() => session);
        tell({ session: { ...session, refused } });
      } catch (error) {
        const problem = error instanceof WaybookProblem ? error.problem : { detail: told(error) };
        tell({ problem });
      }
      response.end();
    },
    'GET /ended': async (_request, response, id) => {
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      answer(response, 200, await place.ended(id, { signal: gone.signal }));
      sessions.delete(id);
    },
    'POST /close': async (_request, response, id) => {
      await place.close(id);
      answer(response, 200, {});
    },
  };

  const server = createServer(async (request, response) => {
    try {
      // Pages of other origins have no business here.
      const { host, origin } = request.headers;
      if (origin !== undefined && origin !== `http://${host}`) {
        return answer(response, 403, { detail: `a page of ${origin} may not use this demo` });
      }
      const [, first, id = ''] = (request.url ?? '/').split('/');
      const file = FILES[request.url ?? '/'];
      const route = routes[`${request.method} /${first}`];
      if (route && (id === '' || sessions.has(id))) return await route(request, response, id);
      if (!file || request.method !== 'GET') return answer(response, 404, { detail: 'there is no such thing' });
      const { addresses } = await place.place();
      response.writeHead(200, {
        'content-type': file[1],
        'content-security-policy':
          `default-src 'self'; connect-src 'self' http://${addresses.gateway}; img-src data:; media-src blob:; worker-src blob:`,
      });
      response.end(await readFile(file[0]));
    } catch (error) {
      if (!response.headersSent) answer(response, 502, { detail: told(error) });
      else response.end();
    }
  });
  /** Ends what the demo has opened. */
  const close = async () => {
    server.close();
    await Promise.allSettled([...sessions].map((id) => place.close(id)));
    server.closeAllConnections();
  };
  return { server, close };
}

/** @param {string} folder */
async function placeOf(folder) {
  const { api } = JSON.parse(await readFile(join(folder, 'runtime.json'), 'utf8'));
  const token = await readFile(join(folder, 'token'), 'utf8');
  return new Waybook(`http://${api}`, token.trim());
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    title: { type: 'string', default: 'film' },
    listen: { type: 'string', default: '127.0.0.1:8000' },
  },
});
if (positionals.length !== 1) {
  console.error(USAGE);
  process.exit(2);
}
const [host, port] = /** @type {string} */ (values.listen).split(':');
const place = await placeOf(positionals[0]).catch((error) => {
  console.error(`no place runs in ${positionals[0]} (${told(error)}): start one with \`waybook up\``);
  process.exit(1);
});
const { server, close } = demo(place, /** @type {string} */ (values.title));
server.on('error', (error) => {
  console.error(`${values.listen}: ${error.message}; another address can be given with --listen`);
  process.exit(1);
});
server.listen(Number(port), host, () => {
  const bound = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`http://${host}:${bound.port}/`);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void close().then(() => process.exit(0)));
