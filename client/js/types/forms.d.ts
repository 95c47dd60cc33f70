// Made by `npm run forms` from docs/openapi.json. Do not change it by hand.

/** Where a place is reached. */
export interface AddressesInfo {
  /** This API. */
  api?: string | null;
  /** Where sessions' URLs lead. */
  gateway?: string | null;
  /** Where children connect. */
  listen?: string | null;
  /** The parent's. */
  parent?: string | null;
}

/** An amount of one kind of resource. */
export interface Amount {
  /** In the resource's base unit: thousandths of a processor, bytes, bit/s, or pieces. */
  amount: number;
  /** The kind. */
  resource: string;
  /** For people. */
  text: string;
}

/** What a place says to one solution. */
export interface AnswerInfo {
  /** Why it would be refused; none if it would not. */
  refusal?: null | RefusalInfo;
  /** The solution's number. */
  solution: number;
}

/** One change, as it stands in the audit log. */
export interface AuditInfo {
  /** When it was done, by this machine's clock (RFC 3339, UTC). */
  at: string;
  /** The client's address; the neighbour that it came by; or what made the place do it. */
  from: string;
  /** Counted from 1 as long as the data folder lives. */
  number: number;
  /** To what. */
  on?: string | null;
  /**
   * The place where it was asked for, and where the token is known. What another place says of who
   * asked there is its word.
   */
  origin: string;
  /** The place that was changed. */
  place: string;
  /** What became of it. */
  result: AuditResult;
  /** The status of the answer, where there was one. */
  status?: number | null;
  /**
   * The token that was shown: `owner` for that of the data folder, `system` where the place did it
   * by itself or was told by a signal.
   */
  token: string;
  /** Whom the token is bound to. */
  user?: string | null;
  /** What was done, in a word. */
  what: string;
  /** Why it failed. */
  why?: string | null;
}

/** What became of a change. */
export type AuditResult = "done" | "failed";

/** A booking at a place. */
export interface BookingInfo {
  /** How much. */
  booked: Array<Amount>;
  /** How firm. */
  phase: Phase;
  /** Whose. */
  session: string;
}

/** How it is with a place's certificate. */
export interface CertificateInfo {
  /** When the one in use ends, in milliseconds since 1970. */
  expires: number;
  /** Why what is in its files now was not taken up, if it was not. */
  problem?: string | null;
}

/** A setting that has changed. */
export interface ChangeInfo {
  /** What it was. */
  before: string;
  /** What it is. */
  now: string;
  /** Its name. */
  setting: string;
}

/** All that a place knows of some code. */
export interface CodeDetail {
  /** What and where it is. */
  code: CodeInfo;
  /**
   * The root of the tree that its chunks are verified against: the binary's BLAKE3, in
   * hexadecimal digits.
   */
  root: string;
  /** The sessions that it runs for here. */
  sessions: Array<string>;
  /** The publisher's signature, in hexadecimal digits. */
  signature?: string | null;
  /** Why, or why not. */
  trust: string;
  /** Whether this place would run it. */
  trusted: boolean;
}

/** Code: here, elsewhere in the locality, or both. */
export interface CodeInfo {
  /** How it stands with it at the place that was asked; none if it is not there. */
  here?: null | HereInfo;
  /** The places of the locality that are known to hold it whole. */
  holders: Array<HolderInfo>;
  /** What it is. */
  release: ReleaseInfo;
}

/** A component that runs for a session. */
export interface ComponentInfo {
  /** Where it answers, as its place knows it. */
  endpoint: string;
  /** Its name. */
  name: string;
  /** Whether it was running already and is shared. */
  shared: boolean;
  /** How long its start took. */
  took: Span;
}

/** What is cordoned at a place. */
export interface CordonInfo {
  /** The kinds of resource of which no more is booked. */
  cordoned: Array<string>;
  /** The place. */
  place: string;
}

/** What a place has counted since it started. */
export interface CountersInfo {
  /** Those that were established. */
  established: number;
  /** Pieces of code that were dropped to make room. */
  evicted: number;
  /** Fallbacks that went on from here. */
  fell_back: number;
  /** Messages without effect, because a newer one had been seen. */
  fenced: number;
  /** Transfers that ended early. */
  fetch_failures: number;
  /** Transfers that ended with the code whole. */
  fetched: number;
  /** Bytes of code that transfers brought here and that were verified. */
  fetched_bytes: number;
  /** Bookings that ended because nobody refreshed them. */
  lapsed: number;
  /** Sources that sent something else than the code that was asked for. */
  lies: number;
  /**
   * Set-ups, entries of lists, downloads and memories of what has ended that there was no
   * room for, because a limit or somebody's share of it was reached.
   */
  limited: number;
  /** Set-ups that clients asked for here. */
  opens: number;
  /** Messages for or from an older life. */
  outdated: number;
  /** Those that were refused. */
  refused: number;
  /** Messages whose sender may not send them. */
  refused_messages: number;
  /** Tracings back that started here. */
  traced_back: number;
  /** Agents that arrived and were let in. */
  visits: number;
}

/** Where clients come in, since the daemon started. */
export interface DoorInfo {
  /** Connections that were let in. */
  accepted: number;
  /** Connections now. */
  connections: number;
  /** Of these, those that had to make room for others while they had no request under way. */
  displaced: number;
  /** Connections that were not let in. */
  refused: number;
  /** Requests that were refused because a bound on them was reached. */
  refused_requests: number;
  /** Requests under way now. */
  requests: number;
}

/** How a place is to be drained. */
export interface DrainForm {
  /** What is left after that long ends. Without it, that is waited for. */
  deadline?: null | SpanForm;
}

/** How far a place is with being drained. */
export interface DrainingInfo {
  /** Until what is left ends; none if that is waited for. */
  left?: null | Span;
  /** Opens of the place's clients that have no session yet. */
  opens: number;
  /** Sessions that are left, those being set up included. */
  sessions: number;
}

/** Why a session is over. */
export interface EndInfo {
  /**
   * The kind of reason: `closed`, `unclaimed`, `idle`, `expired`,
   * `replaced`, `reconciled`, `drained` or `broken`.
   */
  kind: string;
  /** Where and why the path broke. */
  refused: Array<RefusalInfo>;
  /** The session. */
  session: string;
  /** The reason for people. */
  text: string;
}

/** An established session. */
export interface EstablishedInfo {
  /** Every hop from the client's place to the server's. */
  journey: Array<HopReportInfo>;
  /** The client's key. */
  key: string;
  /** The chosen quality level. */
  quality: string;
  /** Better solutions, with where and why each was refused. */
  refused: Array<RefusalInfo>;
  /** The session. */
  session: string;
  /** The chosen solution's number. */
  solution: number;
  /** How many solutions the plan had. */
  solutions: number;
  /** The title. */
  title: string;
  /** From the request to the establishment. */
  took: Span;
  /** Where it answers. */
  urls?: null | UrlsInfo;
}

/** Code at one place: held, or on its way. */
export interface HereInfo {
  /** Whether an operator added it here; else it was fetched. */
  added: boolean;
  /** What is here and verified: all of it, if it is held whole. */
  bytes: Quantity;
  /** The place that it is being read from; none unless it is on its way. */
  from?: string | null;
  /** Instances that run it here, or wait for it. */
  instances: number;
  /** Whether it is kept whatever happens. */
  pinned: boolean;
  /** Whether it is whole. */
  whole: boolean;
}

/** A place that holds code whole. */
export interface HolderInfo {
  /** Whether an operator added it there; else it was fetched. */
  added: boolean;
  /** The place. */
  place: string;
}

/** A session as one of its hops knows it. */
export interface HopInfo {
  /** Since the agent arrived. */
  age: Span;
  /** What is booked here. */
  booked: Array<Amount>;
  /** What runs here for it. */
  components: Array<ComponentInfo>;
  /** For how long the path has been known to be cut beyond this place; none if it is whole. */
  cut?: null | Span;
  /** Counted from 0 at the client's place. */
  hop: number;
  /** Until the booking ends if nobody refreshes it. */
  lease?: null | Span;
  /** The next place towards the server. */
  next?: string | null;
  /** Every place from the client's to the server's. */
  path: Array<string>;
  /** How firm the booking is. */
  phase: Phase;
  /** The next place towards the client. */
  previous?: string | null;
  /** The name of its quality level. */
  quality: string;
  /** The session. */
  session: string;
  /** The solution that is held, or chosen. */
  solution: number;
  /** The title. */
  title: string;
}

/** What was done at one hop of a path. */
export interface HopReportInfo {
  /** What is booked there. */
  booked: Array<Amount>;
  /** What runs there, from the client's side to the server's. */
  components: Array<ComponentInfo>;
  /** Where. */
  place: string;
  /** From the agent's arrival until the hop was ready, all beyond it included. */
  took: Span;
}

/** What one place saw of a set-up. Its times are its own: no two clocks are alike. */
export interface HopTraceInfo {
  /** When its part began, in milliseconds since 1970 by its machine's clock. */
  began: number;
  /** The place. */
  place: string;
  /** In the order in which they began. */
  spans: Array<SpanInfo>;
  /** The places that agents were sent on to from here. */
  went_to: Array<string>;
}

/** An invitation. Times are in seconds since 1970. */
export interface InvitationInfo {
  /** Until when it is valid. */
  expires: number;
  /** Its number, to revoke it by. */
  id: string;
  /** For how long still; none if that is over. */
  left?: null | Span;
  /** When it was made. */
  made: number;
  /** The place that is invited. */
  name: string;
  /** Whether somebody may still come. */
  open: boolean;
  /** When it was revoked; none if it was not. */
  revoked?: number | null;
  /** Those that have. */
  used: Array<UsedInfo>;
  /** How many machines may use it. */
  uses: number;
}

/** Whom to invite. */
export interface InviteForm {
  /**
   * Where newcomers reach the place, each `host:port`; where its configuration says, if there
   * are none.
   */
  addresses?: Array<string>;
  /** The new place, right below the one that is asked. */
  name: string;
  /** How many machines may use it, one after the other; one unless it is said. */
  uses?: number | null;
  /** For how long; an hour unless it is said. */
  valid?: null | SpanForm;
}

/** An invitation that was just made. */
export interface InvitedInfo {
  /** The invitation. */
  invitation: InvitationInfo;
  /** For `waybook join`. It is a secret, and told only now. */
  token: string;
}

/** A resource that did not suffice. */
export interface LackInfo {
  /** What the place has in all. */
  capacity: Quantity;
  /** Booked by established sessions. */
  established: Quantity;
  /** How much it could have had. */
  free: Quantity;
  /** Held by other set-ups under way. */
  held_by_others: Quantity;
  /** Whether it would have sufficed had no other set-up been under way. */
  holds_stood_in_the_way: boolean;
  /** How much was missing. */
  missing: Quantity;
  /** The kind. */
  resource: string;
  /** How much the solution needs. */
  wanted: Quantity;
}

/** A standing connection to a neighbour. */
export interface LinkInfo {
  /** The neighbour's life. */
  incarnation: number;
  /** The neighbour. */
  place: string;
  /** What the neighbour is to this place. */
  role: Role;
}

/** What came from neighbours and clients, and what of it was in vain. */
export interface LinksInfo {
  /** Clients of the control API; the requests are those of neighbours too. */
  api: DoorInfo;
  /** Clients of sessions; the requests are those of neighbours too. */
  gateway: DoorInfo;
  /** The neighbours that there have been since the daemon started, connected or not. */
  neighbours: Array<NeighbourInfo>;
  /** All connections to places together, those of strangers included. */
  transport: TransportInfo;
}

/** What the daemon is to log. */
export interface LogForm {
  /** A level, or a filter by part of the program. */
  filter: string;
}

/** What the daemon logs. */
export interface LogInfo {
  /** A level, or a filter by part of the program. */
  filter: string;
  /** The place. */
  place: string;
}

/** A token that was made just now. */
export interface MadeTokenInfo {
  /** What its holder shows. It is told once, here. */
  text: string;
  /** All else. */
  token: TokenInfo;
}

/** What some kinds of problem say beside. */
export interface More {
  /** For a session that is over: why. */
  end?: null | EndInfo;
  /** For a refused session: for each solution, where and why. */
  refused?: Array<RefusalInfo>;
  /** For a refused session: its number, by which its set-up is remembered for a while. */
  session?: string | null;
  /** For a refused session: the plan that was tried. */
  solutions?: Array<SolutionInfo>;
}

/** A neighbour, and what has been counted of it since the daemon started. */
export interface NeighbourInfo {
  /** Whether there is a connection. */
  connected: boolean;
  /** Connections that came to stand. All but the first are reconnections. */
  connections: number;
  /** Whether what is no message has a connection of its own to it, so that it does not delay messages. */
  data_connection?: boolean;
  /** Messages without effect, because a newer one had been seen. */
  fenced: number;
  /** Its present life, or its last one; 0 if it is known from before a restart only. */
  incarnation: number;
  /** Set-ups, entries of lists and the like beyond a limit, or beyond its share of one. */
  limited: number;
  /** Messages for or from an older life. */
  outdated: number;
  /** Connections closed because it took too long to take what was sent. */
  overflows: number;
  /** Its name. */
  place: string;
  /** The questions that climb to it; only a parent has any. */
  questions: PaceInfo;
  /** Messages received. */
  received: number;
  /** Messages, or entries of lists, that it may not send. */
  refused: number;
  /** Connections refused after the handshake. */
  refused_connections: number;
  /** Streams that named no kind that is known, or none in time. */
  refused_streams: number;
  /** What it is to this place. */
  role: Role;
  /** Messages sent. */
  sent: number;
  /** Frames that cannot be read; mostly the connection is closed for it. */
  undecodable: number;
  /** Messages that were dropped because too much waited to be sent, or it had just gone. */
  unsent: number;
  /** The newest version of the protocol that both ends speak, or spoke last. */
  version: number;
  /** The visits that it is sent, a window of them at a time. */
  visits: PaceInfo;
}

/**
 * What has become otherwise at a place. In the event `snapshot` it is all that there is, and in
 * `change` what is new since the event before.
 */
export interface NewsInfo {
  /** Whether what the place knows of code may be otherwise. */
  code?: boolean;
  /** Places of its locality of which there is no word any more. */
  gone?: Array<string>;
  /** Of these the newest 1000, as far as they are new or otherwise. */
  hops?: Array<HopInfo>;
  /** Sessions that are no longer among them. */
  left?: Array<string>;
  /** The place, unless it is as it was. */
  place?: null | PlaceInfo;
  /** Whether there are other presentations in the place's locality. */
  presentations?: boolean;
  /** Set-ups that were refused, oldest first. */
  refusals?: Array<RefusedInfo>;
  /** How many sessions it is a hop of, unless it is as many as before. */
  sessions?: number | null;
  /** Places of its locality that are new, or do otherwise. */
  tree?: Array<TreePlaceInfo>;
  /** Agents that came or went, oldest first. */
  walks?: Array<WalkInfo>;
}

/** What happened within a span. */
export interface NoteInfo {
  /** When, counted as the span's beginning is. */
  at: Span;
  /** What. */
  text: string;
}

/** A request for a session. */
export interface OpenForm {
  /** How long the set-up may take. */
  deadline?: null | SpanForm;
  /** The session ends after that long without use. */
  idle?: null | SpanForm;
  /**
   * Chosen by the client: the same key gives the same session, until that is over.
   * Without one, a key is drawn.
   */
  key?: string | null;
  /** The session ends after that long in any case. */
  longest?: null | SpanForm;
  /** A profile sent along. */
  profile?: null | ProfileForm;
  /** How often to try again where only other set-ups stood in the way. */
  retries?: number;
  /** The Decision Maker; without one, the place's default. */
  strategy?: string | null;
  /** What is asked for. */
  title: string;
  /**
   * Whose profile to use: `ann`, from the place's folder of profiles, or `ann@core/bologna`,
   * from that place's. Not together with `profile`; without both, anybody's.
   */
  user?: string | null;
}

/** How much a neighbour is asked at a time, by how fast it is. */
export interface PaceInfo {
  /** About how long its answers take; none before the first. */
  takes?: null | Span;
  /** How many are. */
  under_way: number;
  /** How many wait here for their turn. */
  waiting: number;
  /** How many may be under way. */
  window: number;
}

/** How firm a booking is. */
export type Phase = "held" | "ready" | "established";

/** A place. */
export interface PlaceInfo {
  /** Where it is reached. */
  addresses: AddressesInfo;
  /** How it is with its certificate. */
  certificate?: null | CertificateInfo;
  /** What it has counted in this life. */
  counters: CountersInfo;
  /** How far it is with being drained; none if it takes new sessions. */
  draining?: null | DrainingInfo;
  /** Its life, from start to stop; later lives have greater numbers. */
  incarnation: number;
  /** Its neighbours with a connection. */
  links: Array<LinkInfo>;
  /** Its name, which is its address in the tree. */
  name: string;
  /** Whether programs are held to what is booked for them; none if it runs none. */
  programs?: null | ProgramsInfo;
  /**
   * Whether it has restarted and grants nothing new until its neighbours have said
   * what they know of its bookings.
   */
  recovering: boolean;
  /** Its resources. */
  resources: Array<ResourceInfo>;
  /** The Decision Maker of requests that name none. */
  strategy: string;
  /** The version of its software. */
  version: string;
}

/** What is to be fetched. */
export interface PrefetchForm {
  /** As in a presentation: `name`, `name@version` or `name@range`. */
  reference: string;
}

/** A presentation that a place of the locality serves. */
export interface PresentationInfo {
  /** For people. */
  description: string;
  /** Grows with every new edition: the server's life, then its count. */
  edition: string;
  /** How long a session whose path is cut is kept; without it, for each place's session lease. */
  lost_after?: null | Span;
  /** The quality levels, best first. */
  qualities: Array<QualityInfo>;
  /**
   * Which of two sessions goes on when the path is whole again, `replacement` or `original`,
   * if the client asked for another one meanwhile.
   */
  reconcile: string;
  /** The place that serves it. */
  server: string;
  /** What clients ask for it by. */
  title: string;
}

/** What went wrong, in a form for programs and for people. */
export type Problem = More & {
  /** What happened, and what would be right. */
  detail: string;
  /** The place that says so. */
  place?: string | null;
  /** The status of the answer. */
  status: number;
  /** The kind in words. */
  title: string;
  /** The kind, as a URN: `urn:waybook:problem:refused`. */
  type: string;
};

/** A user's profile. */
export interface ProfileForm {
  /** The best quality level wanted, by name. */
  best_quality?: string | null;
  /** The titles that the user may open; `*` stands for any run of characters. */
  may_open?: Array<string>;
  /** The greatest bandwidth towards the client that the terminal can take, in bit/s. */
  terminal_bandwidth?: number | null;
  /** The user's name. */
  user: string;
}

/** A user's profile, and where it came from. */
export interface ProfileInfo {
  /** Of a copy: how long ago the home told it. */
  age?: null | Span;
  /** The best quality level wanted, by name. */
  best_quality?: string | null;
  /** The place that keeps it. */
  home: string;
  /** The titles that the user may open; `*` stands for any run of characters. */
  may_open: Array<string>;
  /** Of a stale copy: why the home could not be asked. */
  problem?: string | null;
  /** From where the place that answers has it. */
  source: ProfileSource;
  /** The greatest bandwidth towards the client that the terminal can take, in bit/s. */
  terminal_bandwidth?: number | null;
  /** The user's own name. */
  user: string;
}

/** From where a place has a profile. */
export type ProfileSource = "home" | "copy" | "stale";

/** Whether a place holds programs to the processor time and memory that are booked for them. */
export interface ProgramsInfo {
  /** Whether it does. */
  enforced: boolean;
  /** Why it does not, if it does not. */
  why?: string | null;
}

/** News of a set-up under way. */
export interface ProgressInfo {
  /** Where it happened. */
  place: string;
  /** The session. */
  session: string;
  /** The number of the solution concerned. */
  solution: number;
  /** What happened. */
  step: StepInfo;
}

/** A quality level of a presentation. */
export interface QualityInfo {
  /**
   * The components from the client's side to the server's, with what runs them and
   * where they stand: `files (builtin) at server`.
   */
  components: Array<string>;
  /** What places book for it, beside that bandwidth. */
  demands?: Array<StageDemandInfo>;
  /** Its name. */
  name: string;
  /** Bandwidth towards the client, on every edge. */
  to_client: Quantity;
  /** Bandwidth towards the server, on every edge. */
  to_server: Quantity;
}

/** An amount of a resource whose kind is told by where this stands. */
export interface Quantity {
  /** In the resource's base unit: thousandths of a processor, bytes, bit/s, or pieces. */
  amount: number;
  /** For people. */
  text: string;
}

/** A solution refused at a place. */
export interface RefusalInfo {
  /** The component, for the kinds that name one. */
  component?: string | null;
  /**
   * The kind of reason: `lacking`, `component-unavailable`, `component-failed`,
   * `unreachable`, `no-answer`, `lost`, `deadline`, `restarting`, `limit`, `protocol`,
   * `released` or `not-tried`.
   */
  kind: string;
  /** What lacked, for the kind `lacking`. */
  lack?: null | LackInfo;
  /** The next place, for the kinds that name one. */
  next?: string | null;
  /** Where it was refused. */
  place: string;
  /** The solution's quality level, where the plan is known. */
  quality?: string | null;
  /** What would have to change, in a sentence. */
  remedy: string;
  /** The solution's number. */
  solution: number;
  /** The reason for people. */
  text: string;
}

/**
 * A set-up that was refused: that of a client of the place, or what of another place's set-up
 * was refused here.
 */
export interface RefusedInfo {
  /** How long ago. */
  age: Span;
  /** The client's place, where it is known. */
  client?: string | null;
  /**
   * The kind of problem that the client was told, such as `refused` or `no-plan`; `passing`
   * for another place's set-up, which may have been given another solution.
   */
  kind: string;
  /** Counted since the daemon started. */
  number: number;
  /** For each solution, where and why. */
  refused: Array<RefusalInfo>;
  /** The session, unless there was nothing to try. */
  session?: string | null;
  /** What the client was told. */
  text: string;
  /** The title. */
  title: string;
  /** The user, of a client of this place. */
  user?: string | null;
}

/** One version of a component as somebody released it. */
export interface ReleaseInfo {
  /** Components that stand right behind it in the chain, as `name@range`. */
  dependencies: Array<string>;
  /** For people. */
  description: string;
  /** The SHA-256 of the binary: what identifies it everywhere. */
  digest: string;
  /** The place that it was added at. */
  home: string;
  /** The binary's length. */
  length: Quantity;
  /** Its name. */
  name: string;
  /** The public key of who signed it. */
  publisher?: string | null;
  /** What presentations call it by. */
  reference: string;
  /** Capabilities that a place must offer to run it. */
  requires: Array<string>;
  /** The world that its binary targets: the runtime that it needs. */
  runtime: string;
  /** Its version. */
  version: string;
}

/** What became of reading a place's configuration again. */
export interface ReloadInfo {
  /** What has changed. */
  changed: Array<ChangeInfo>;
  /** The file that was read. */
  file: string;
  /** The place. */
  place: string;
  /**
   * The place's resources now. What is booked beyond the capacity stays, and nothing more is
   * granted before it is less.
   */
  resources: Array<ResourceInfo>;
  /** Settings that are different in the file, and change with the next start only. */
  restart: Array<string>;
}

/** A resource of a place. */
export interface ResourceInfo {
  /** What the place has. */
  capacity: Quantity;
  /** Whether an operator keeps more of it from being booked. */
  cordoned: boolean;
  /** Booked by established sessions. */
  established: Quantity;
  /** What is left. */
  free: Quantity;
  /** Held by set-ups under way. */
  held: Quantity;
  /** The kind. */
  resource: string;
}

/** What a request wants to do. */
export type Right = "read" | "open" | "publish" | "operate";

/** What a neighbour is to a place. */
export type Role = "parent" | "child";

/** A session with every hop, as each of them answers now. */
export interface SessionDetail {
  /** From the client's place to the server's. */
  hops: Array<SessionHop>;
  /** What each hop reported when the session was set up; empty while it is. */
  journey: Array<HopReportInfo>;
  /** The session. */
  session: SessionInfo;
}

/** What a place of the path says of a session. */
export interface SessionHop {
  /** What it says. */
  hop?: null | HopInfo;
  /** The place. */
  place: string;
  /** Why it says nothing. */
  problem?: string | null;
}

/** A session as its client's place knows it. */
export interface SessionInfo {
  /** Since it was asked for. */
  age: Span;
  /** Whether the client has claimed it. */
  claimed: boolean;
  /** For how long its path has been known to be cut somewhere; none if it is whole. */
  cut?: null | Span;
  /** The client's key. */
  key: string;
  /** Every place from the client's to the server's. */
  path: Array<string>;
  /** How far it is: `established`, or being set up. */
  phase: Phase;
  /** The quality level that is chosen, or tried. */
  quality: string;
  /** The session. */
  session: string;
  /** Its solution's number. */
  solution: number;
  /** The title. */
  title: string;
  /** Where it answers, once it is established. */
  urls?: null | UrlsInfo;
  /** The user. */
  user: string;
}

/** A set-up with what was tried. */
export interface SetupDetail {
  /** Why the session that came of it is over, where the client's place remembers that. */
  end?: null | EndInfo;
  /** What was refused, where and why, as far as this place knows. */
  refused: Array<RefusalInfo>;
  /** The set-up. */
  setup: SetupInfo;
  /** The plan, in order of preference; empty but at the client's place. */
  solutions: Array<SolutionInfo>;
}

/** A set-up that a place remembers. */
export interface SetupInfo {
  /**
   * What has become of it: `under-way`, `ready`, `established`, `refused`, `tried-again`,
   * `no-plan` or `given-up`.
   */
  became: string;
  /** When it began, in milliseconds since 1970 by this machine's clock. */
  began: number;
  /** The client's place. */
  client: string;
  /** The hop that this place is, counted from 0 at the client's. */
  hop: number;
  /** The client's key, at its place. */
  key?: string | null;
  /** That solution's quality level, at the client's place. */
  quality?: string | null;
  /** The session; none where it did not come to one. */
  session?: string | null;
  /** The number of the solution that was tried last, or chosen. */
  solution?: number | null;
  /** What is to be presented. */
  title: string;
  /** From its beginning until it was ready here, or nothing was left. */
  took?: null | Span;
  /** The trace that it is part of: the client's own, or the session's number. */
  trace?: string | null;
  /** Who asked, at the client's place. */
  user?: string | null;
  /** Why there was nothing to try, for `no-plan`. */
  why?: string | null;
}

/** One quality level on one service path. */
export interface SolutionInfo {
  /** Its place in the order of preference, counted from 1. */
  number: number;
  /** The quality level's name. */
  quality: string;
  /** The server's place. */
  server: string;
  /** Every place from the client's to the server's, with its share. */
  stages: Array<StageInfo>;
}

/** A length of time. */
export interface Span {
  /** In microseconds. */
  micros: number;
  /** For people, rounded. */
  text: string;
}

/** A length of time that a client asks for: a number of seconds, or text with a unit. */
export type SpanForm = number | string;

/** What took how long. */
export interface SpanInfo {
  /** When it began, counted from the beginning of the trace, or of the place's own part of it. */
  begin: Span;
  /** Its number: 16 hexadecimal digits. */
  id: string;
  /** Of what: `open`, `plan`, `visit`, `hold`, `forward`, `download` or `start`. */
  kind: string;
  /** The same for people, with names. */
  name: string;
  /** What happened within it. */
  notes: Array<NoteInfo>;
  /** The span that it is part of; none, or one of the client's own, for the first. */
  parent?: string | null;
  /** Where. */
  place: string;
  /** What went wrong. */
  problem?: string | null;
  /** How long it took; none while it lasts. */
  took?: null | Span;
  /** The visit, by the solution that its agent was sent with. */
  visit?: number | null;
}

/**
 * What a kind of place on the path books for a quality level. One that is several of these at once
 * books the sum.
 */
export interface StageDemandInfo {
  /** How much. */
  amounts: Array<Amount>;
  /** Which: `client`, `default-place`, `every-hop` or `server`. */
  at: string;
}

/** One place's share of a solution. */
export interface StageInfo {
  /** The components to run there, by name. */
  components: Array<string>;
  /** What to book there. */
  demand: Array<Amount>;
  /** Where. */
  place: string;
}

/** What happened at a hop. */
export type StepInfo = {
  /** What is held. */
  demand: Array<Amount>;
  kind: "held";
} | {
  kind: "refused";
  /** Where and why. */
  refusal: RefusalInfo;
} | {
  kind: "traced-back";
} | {
  /** What was done. */
  hop: HopReportInfo;
  kind: "ready";
} | {
  /** How many of the bytes were here before the session asked. */
  before: number;
  /** Bytes that are here and verified. */
  bytes: number;
  /** The component, as `name@version`. */
  component: string;
  /** The place that it comes from; none while a source is sought. */
  from?: string | null;
  kind: "downloading";
  /** Bytes in all. */
  length: number;
};

/** How the place's download agents are to look for code. */
export interface StrategyForm {
  /** The strategy's name. */
  strategy: string;
}

/** How the place's download agents look for code. */
export interface StrategyInfo {
  /** All that there are. */
  known: Array<string>;
  /** The place. */
  place: string;
  /** The strategy of the agents that are launched from now on. */
  strategy: string;
}

/** What an open would do. */
export interface SurveyInfo {
  /** The solution that an open would be given as things stand. */
  chosen?: number | null;
  /** What each place says. */
  places: Array<SurveyedPlace>;
  /** The plan, in order of preference. */
  solutions: Array<SolutionInfo>;
  /** The title asked for. */
  title: string;
}

/** What a place says to the solutions that lead through it. */
export interface SurveyedPlace {
  /** Its answers; none if it did not answer in time. */
  answers: Array<AnswerInfo>;
  /** The place. */
  place: string;
}

/** A token that is to be made. */
export interface TokenForm {
  /** What it is good for. Looking is always among it. */
  may: Array<Right>;
  /** What it is called: up to 64 letters, digits, `-`, `_`, `.` and `@`. */
  name: string;
  /**
   * Whom it is bound to: sessions are opened with it for that user only, and count as that
   * user's. Without one, for whomever its holder says.
   */
  user?: string | null;
  /** It expires after that long; never, if that is not said. */
  valid?: null | SpanForm;
}

/** A token, without its text. */
export interface TokenInfo {
  /**
   * The name of the token that it was made with, and of the place that was asked if that was
   * another one.
   */
  by: string;
  /** When it was made, in milliseconds since 1970. */
  created: number;
  /** Whether it has. */
  expired: boolean;
  /** When it expires, in milliseconds since 1970; never if there is no moment. */
  expires?: number | null;
  /** What it is good for. */
  may: Array<Right>;
  /** Its name. */
  name: string;
  /** Whom it is bound to. */
  user?: string | null;
}

/** A whole trace, from the client to the server. */
export interface TraceInfo {
  /** The set-up, as the client's place sees it. */
  setup: SetupInfo;
  /**
   * What all places saw, in one time: each place's part lies within the sending that it
   * answers, in the middle of the room that there is.
   */
  spans: Array<SpanInfo>;
  /** Places that agents went to and that could not be asked, or have forgotten it. */
  untold: Array<UntoldInfo>;
}

/** How far a transfer of code to the place has come. */
export interface TransferInfo {
  /** How many of the bytes were here before it was asked for. */
  before: number;
  /** Bytes that are here and verified. */
  bytes: number;
  /** The component, as `name@version`. */
  component: string;
  /** The place that it comes from; none while a source is sought. */
  from?: string | null;
  /** Bytes in all. */
  length: number;
  /** The place that it comes to. */
  place: string;
}

/** All connections to places together, those of strangers included. */
export interface TransportInfo {
  /** Connections that came to stand. */
  connections: number;
  /** Handshakes that failed. */
  failed_handshakes: number;
  /** Connections closed because too much waited to be sent. */
  overflows: number;
  /** Messages received. */
  received: number;
  /** Connections refused after the handshake. */
  refused: number;
  /** Streams that named no kind that is known, or none in time. */
  refused_streams: number;
  /** Messages sent. */
  sent: number;
  /** Messages that were dropped because they were longer than may be. */
  too_long: number;
  /** Frames that cannot be read. */
  undecodable: number;
  /** Messages that were dropped because there was no connection, or too much waited. */
  unsent: number;
}

/** How a place of the locality does, as far as it has said so. */
export interface TreePlaceInfo {
  /** How long ago it said so. */
  age: Span;
  /** What is booked of each resource. */
  booked: Array<Amount>;
  /** What it has of each resource. */
  capacity: Array<Amount>;
  /** The kinds of resource of which no more is booked there. */
  cordoned: Array<string>;
  /** Whether it is being drained: it takes no new sessions. */
  draining: boolean;
  /** The share of its scarcest resource that is booked, in thousandths. */
  load: number;
  /** The place. */
  place: string;
  /** Sessions with a booking there. */
  sessions: number;
}

/** A place that could not say what it saw. */
export interface UntoldInfo {
  /** The place. */
  place: string;
  /** Why. */
  problem: string;
}

/** Where a session answers. */
export interface UrlsInfo {
  /** A host name of its own, for players that use absolute paths. */
  host: string;
  /** A path of the gateway's own address. */
  path: string;
}

/** A machine that has used an invitation. */
export interface UsedInfo {
  /** When, in seconds since 1970. */
  at: number;
  /** The SHA-256 of its public key, in hexadecimal. */
  key: string;
}

/** An agent, or word of one, that crossed an edge of the place. */
export interface WalkInfo {
  /** How long ago. */
  age: Span;
  /** From which place. */
  from: string;
  /** What went. */
  kind: WalkKind;
  /** Counted since the daemon started. */
  number: number;
  /** The session's title, or what the code is called by. */
  title: string;
  /** To which place. */
  to: string;
  /** The session that it went for; the digest of the code, for a download agent. */
  whose: string;
}

/** What crosses an edge. */
export type WalkKind = "visit" | "ready" | "refuse" | "download" | "download-back";
