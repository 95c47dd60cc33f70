// Answers that come in pieces, or break off.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Waybook } from '../src/index.js';
import { events } from '../src/events.js';

/** A body that comes in pieces of that many bytes. */
function body(text, piece) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + piece));
      at += piece;
    },
  });
}

test('events are read as they come in pieces', async () => {
  const lines = [': hello', '', 'event: progress', 'data: {"é":', 'data: 1}', '', 'event: new', 'data:x', '', 'data: cut'];
  for (const end of ['\n', '\r\n', '\r']) {
    for (const piece of [1, 2, 1000]) {
      const found = [];
      for await (const event of events(body(lines.join(end), piece))) found.push(event);
      assert.deepEqual(found, [{ kind: 'progress', data: '{"é":\n1}' }, { kind: 'new', data: 'x' }], JSON.stringify(end));
    }
  }
});

/** A client whose only answer is that. */
function answered(text, init) {
  return new Waybook('http://127.0.0.1:7000', 'x', { fetch: async () => new Response(text, init) });
}

test('an open whose answer breaks off is no session', async () => {
  const lost = answered(': hello\n\n').open({ title: 'film' });
  await assert.rejects(lost, { name: 'WaybookUnreachable', message: /broke off/ });
});

test('a refusal is the problem that it brings', async () => {
  const problem = {
    type: 'urn:waybook:problem:refused', title: 't', status: 409, detail: 'no room',
    refused: [{ remedy: 'more' }, { remedy: 'more' }],
  };
  const refused = answered(`event: refused\ndata: ${JSON.stringify(problem)}\n\n`).open({ title: 'film' });
  await assert.rejects(refused, { name: 'WaybookProblem', kind: 'refused', message: 'no room', remedies: ['more'] });
});

test('what is not of this API is said to be of another version', async () => {
  await assert.rejects(answered('<html>').place(), { name: 'WaybookAnswer' });
  await assert.rejects(answered('<html>', { status: 502 }).place(), { name: 'WaybookAnswer', message: /status 502/ });
});

test('what a listener throws ends the open, and frees the connection', async () => {
  let given_up = false;
  const stream = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('event: progress\ndata: 1\n\n')),
    cancel: () => { given_up = true; },
  });
  const wrong = new Error('mine');
  const opening = answered(stream).open({ title: 'film' }, { onProgress: () => { throw wrong; } });
  await assert.rejects(opening, wrong);
  assert.ok(given_up);
});
