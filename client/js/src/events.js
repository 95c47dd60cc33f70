// Streams of events (the `text/event-stream` of HTML, section 9.2). `EventSource` can neither post
// nor show a token, so the body of an answer is read.

import { WaybookAnswer } from './errors.js';

/** Greatest event that is read, in characters. */
const MOST_EVENT = 16 << 20;

/**
 * @typedef {object} ServerEvent
 * @property {string} kind The event's kind.
 * @property {string} data Its data.
 */

/**
 * The events of a body, as they come. The body is given up when the caller stops early.
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<ServerEvent, void, void>}
 */
export async function* events(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = '';
  let done = false;
  try {
    while (!done) {
      const piece = await reader.read();
      done = piece.done;
      buffer += decoder.decode(piece.value, { stream: !done });
      // The last character may be the first half of a line's end.
      const whole = buffer.endsWith('\r') && !done ? buffer.slice(0, -1) : buffer;
      const blocks = whole.split(/\r\n\r\n|\n\n|\r\r/);
      buffer = (blocks.pop() ?? '') + buffer.slice(whole.length);
      if (buffer.length > MOST_EVENT) throw new WaybookAnswer('an event is too long');
      for (const block of blocks) {
        const event = read(block);
        if (event) yield event;
      }
    }
  } finally {
    // Frees the connection; what it says of itself no longer matters.
    reader.cancel().catch(() => {});
  }
}

/**
 * An event; none for comments.
 * @param {string} block
 * @returns {ServerEvent | undefined}
 */
function read(block) {
  let kind = '';
  /** @type {string[]} */
  const data = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, field, value] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (field === 'event') kind = value;
    else if (field === 'data') data.push(value);
  }
  return kind || data.length > 0 ? { kind, data: data.join('\n') } : undefined;
}
