/** Client of the control API of Waybook's places, for browsers and Node. */

export { Waybook } from './client.js';
export { WaybookAnswer, WaybookError, WaybookProblem, WaybookUnreachable } from './errors.js';

/** @typedef {import('./client.js').Asking} Asking */
/** @typedef {import('./client.js').Opening} Opening */
/** @typedef {import('./client.js').Waiting} Waiting */
/** @typedef {import('./client.js').Settings} Settings */
