// What is known of one place, as its events tell it.

import {since} from './format.js';

/** So many refusals and steps of agents are kept, as many as the place itself keeps. */
const REFUSALS = 256;
const WALKS = 512;

export class Store {
  constructor() {
    this.place = null;
    /** Places of the locality by name. Those of which there is no word any more stay, `gone`. */
    this.tree = new Map();
    /** Grows when there are others. */
    this.members = 0;
    this.sessions = 0;
    this.hops = new Map();
    this.refusals = [];
    this.walks = [];
    /** Grows when what the place knows of code may be otherwise. */
    this.code = 0;
    /** Grows when there are other presentations. */
    this.presentations = 0;
    this.whole = false;
  }

  /** Takes an event in; what it says that was not known: for marks and announcements. */
  take(event, news) {
    const all = event === 'snapshot';
    const known = this.whole;
    const fresh = {walks: [], refused: 0, established: 0, ended: 0};
    if (news.place) this.place = news.place;
    if (all) this.forget(news);
    for (const one of news.tree ?? []) {
      if (!this.tree.has(one.place)) this.members += 1;
      this.tree.set(one.place, {...one, since: since(one.age), gone: false});
    }
    for (const name of news.gone ?? []) {
      const one = this.tree.get(name);
      if (one) this.tree.set(name, {...one, gone: true});
    }
    if (news.sessions !== undefined) this.sessions = news.sessions;
    for (const hop of news.hops ?? []) {
      const before = this.hops.get(hop.session);
      if (hop.phase === 'established' && before?.phase !== 'established') fresh.established += 1;
      this.hops.set(hop.session, {...hop, since: since(hop.age)});
    }
    for (const id of news.left ?? []) {
      if (this.hops.get(id)?.phase === 'established') fresh.ended += 1;
      this.hops.delete(id);
    }
    const last = list => list.at(-1)?.number ?? 0;
    const timed = one => ({...one, since: since(one.age)});
    const refusals = (news.refusals ?? []).filter(one => one.number > last(this.refusals)).map(timed);
    const walks = (news.walks ?? []).filter(one => one.number > last(this.walks)).map(timed);
    fresh.refused = refusals.filter(one => one.kind !== 'passing').length;
    fresh.walks = known ? walks : [];
    this.refusals = [...this.refusals, ...refusals].slice(-REFUSALS);
    this.walks = [...this.walks, ...walks].slice(-WALKS);
    if (news.code) this.code += 1;
    if (news.presentations) this.presentations += 1;
    this.whole = true;
    return known && !all ? fresh : {...fresh, refused: 0, established: 0, ended: 0};
  }

  /** A snapshot takes the place of all before it, but that places were once there is remembered. */
  forget(news) {
    const there = new Set((news.tree ?? []).map(one => one.place));
    for (const [name, one] of this.tree) if (!there.has(name)) this.tree.set(name, {...one, gone: true});
    this.hops.clear();
    const numbered = list => list?.at(-1)?.number ?? 0;
    // A daemon that was started again counts from 1 again.
    if (numbered(news.refusals) < numbered(this.refusals)) this.refusals = [];
    if (numbered(news.walks) < numbered(this.walks)) this.walks = [];
  }

  /** The sessions that pass, newest first. */
  newest() {
    return [...this.hops.values()].sort((a, b) => b.since - a.since || (a.session < b.session ? 1 : -1));
  }
}
