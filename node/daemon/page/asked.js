// What is too much to be told with every event: it is asked for where the place says that it is otherwise.

import {get} from './api.js';

/** Not asked again before that, in milliseconds. */
const PACE = 1000;
/** A long list takes a while; so many times as long the place is left alone. */
const REST = 10;
/** Asked again then where there was no answer. */
const AGAIN = 5000;

/** A list of one place. */
export class Asked {
  constructor(path, query) {
    [this.path, this.query] = [path, query];
    /** Nothing until there has been an answer. */
    this.list = null;
    this.problem = null;
    this.known = null;
  }

  /** Asks where `number` is another one than before. `done` is called when something may be otherwise. */
  async ask(place, number, done) {
    if (this.asking || this.known === number) return;
    this.asking = true;
    const began = Date.now();
    let pause = AGAIN;
    try {
      this.list = await get(this.path, place, this.query);
      [this.problem, this.known] = [null, number];
      pause = Math.max(PACE, REST * (Date.now() - began));
    } catch (error) {
      this.problem = error.message;
      // What is not allowed now is not allowed later.
      if (error.status < 500) this.known = number;
    }
    done();
    setTimeout(() => {
      this.asking = false;
      done();
    }, pause);
  }

  /** What is to be said where so many are found. */
  none(found, nothing) {
    return this.problem ?? (found || !this.list ? '' : this.list.length ? 'None found.' : nothing);
  }
}
