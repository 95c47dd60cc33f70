// What the client asks for is what the API's description has.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { Waybook, WaybookAnswer, WaybookUnreachable } from '../src/index.js';

const description = JSON.parse(await readFile(new URL('../../../docs/openapi.json', import.meta.url), 'utf8'));

/** What each method is called with; the word `ID` stands for whatever a path names. */
const CALLS = {
  place: [], tree: [], links: [], log: [], setLog: ['info'], metrics: [], bookings: [],
  presentations: [], publish: [''], withdraw: ['ID'], open: [{ title: 'film' }],
  dryRun: [{ title: 'film' }], sessions: [], session: ['ID'], hop: ['ID'], claim: ['ID'],
  profile: ['ID'], close: ['ID'], ended: ['ID'], setups: [], setup: ['ID'], trace: ['ID'],
  components: [{ everywhere: true }], component: ['ID'], addComponent: [new Uint8Array()],
  removeComponent: ['ID'], pinComponent: ['ID', true], prefetch: ['ID'], collectComponents: [],
  drain: [], undrain: [], cordon: ['ID'], uncordon: ['ID'], reload: [],
  downloadStrategy: [], setDownloadStrategy: ['ID'],
};

/** Everything that a client asks for while `call` runs. */
async function asked(call) {
  const requests = [];
  const fetch = async (url, init) => {
    requests.push({ url: new URL(url), init });
    return new Response('event: fetched\ndata: {}\n\n');
  };
  const client = new Waybook('http://127.0.0.1:7000/below', 'secret', { fetch, at: 'core/lab' });
  await call(client).catch((error) => assert.ok(error instanceof WaybookAnswer || error instanceof WaybookUnreachable));
  return requests;
}

test('every method asks for a path that the API has', async () => {
  const classes = [Waybook.prototype, Object.getPrototypeOf(Waybook.prototype)];
  const methods = classes.flatMap(Object.getOwnPropertyNames).filter((name) => !['constructor', 'at'].includes(name));
  assert.deepEqual(methods.sort(), Object.keys(CALLS).sort());
  for (const [name, args] of Object.entries(CALLS)) {
    const [{ url, init }] = await asked((client) => client[name](...args));
    const path = url.pathname.replace('/below', '').replace('/ID', '/{id}');
    const names = ['id', 'title', 'resource', 'user'].map((name) => path.replace('{id}', `{${name}}`));
    const known = names.map((name) => description.paths[name]).find(Boolean);
    const operation = known?.[init.method.toLowerCase()];
    assert.ok(operation, `${name}: ${init.method} ${path} is not in docs/openapi.json`);
    const parameters = operation.parameters.map((parameter) => parameter.name);
    for (const [parameter] of url.searchParams) assert.ok(parameters.includes(parameter), `${name}: ${parameter}`);
    assert.equal(url.searchParams.get('at'), 'core/lab');
    assert.equal(init.headers.authorization, 'Bearer secret');
  }
});

test('what is named in a path is one segment of it', async () => {
  const [{ url }] = await asked((client) => client.withdraw('a/b c?é'));
  assert.equal(url.pathname, '/below/api/v1/presentations/a%2Fb%20c%3F%C3%A9');
});

test('another place is another client', async () => {
  const [{ url }] = await asked((client) => client.at('core').place());
  assert.equal(`${url}`, 'http://127.0.0.1:7000/below/api/v1/place?at=core');
});

test('what is no address of a control API is said at once', () => {
  assert.throws(() => new Waybook('ftp://127.0.0.1', 'x'), /begin with http/);
  assert.throws(() => new Waybook('127.0.0.1:7000', 'x'), TypeError);
});
