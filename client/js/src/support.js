import { WaybookAnswer, WaybookProblem, WaybookUnreachable } from './errors.js';

/**
 * What a text in JSON says.
 * @param {string} text
 * @returns {any}
 */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new WaybookAnswer(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Whether it may be otherwise in a while: nobody answers, or the daemon has too much to do.
 * @param {unknown} error
 * @returns {error is WaybookUnreachable | WaybookProblem}
 */
export function isAway(error) {
  if (error instanceof WaybookProblem) return error.status === 503;
  return error instanceof WaybookUnreachable;
}

/**
 * @param {number} millis
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<void>}
 */
export function sleep(millis, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(wake, millis);
    signal?.addEventListener('abort', wake);
  });
}

/**
 * A text as the base64 of its UTF-8.
 * @param {string} text
 */
export function base64(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
