// Writes windlass plugins in JavaScript: an input, an output, a function, an effect.
// Responsible for the exports of the WIT package, and for its imports in a form that reads
// well; not for what any of it means, which `docs/plugins.md` says.

import attempt from "windlass:plugin/attempt@0.1.0";
import clock from "windlass:plugin/clock@0.1.0";
import http from "windlass:plugin/http@0.1.0";
import random from "windlass:plugin/random@0.1.0";
import secrets from "windlass:plugin/secrets@0.1.0";

/** An attempt that failed. `effect` is what it did to the world: none, settled, unknown. */
export class Failure extends Error {
  constructor(effect, code, message, evidence) {
    super(message);
    Object.assign(this, { effect, code, evidence });
  }
}

/** An attempt of an action: what it is called with, and what it can tell. */
class Attempt {
  constructor(call) {
    Object.assign(this, call);
  }
  /** Adds a line to the attempt's log. */
  log(line, level = "info") {
    attempt.log(level, String(line));
  }
  /** Replaces the line that watchers see. */
  progress(line) {
    attempt.progress(String(line));
  }
  /** Keeps data for a later reconcile; it is durable when this returns. */
  checkpoint(data) {
    try {
      attempt.checkpoint(JSON.stringify(data));
    } catch (error) {
      throw new Failure("unknown", "not_kept", `no checkpoint: ${payload(error)}`);
    }
  }
  /** Milliseconds since 1970, as the engine's records have them. */
  now() {
    return Number(clock.now());
  }
  /** Waits, unless the attempt is asked to stop or its time is over first. */
  wait(ms) {
    try {
      clock.wait(ms);
    } catch (error) {
      const why = payload(error) === "cancelled" ? "the run asked to stop" : "the attempt's time is over";
      throw new Failure("unknown", payload(error) === "cancelled" ? "cancelled" : "timeout", why);
    }
  }
  /** So many bytes that nobody can guess, at most 4096. */
  random(count) {
    return random.bytes(count);
  }
}

/** The handle of a secret that an input names. No function gives its value. */
export function secret(name) {
  try {
    return secrets.open(name);
  } catch {
    throw new Failure("none", "no_secret", `the step was given no secret \`${name}\``);
  }
}

/** Parts of a header's value that hold secrets. */
export const bearer = (handle) => ["Bearer ", handle];
export const basic = (user, handle) => ["Basic ", { user, password: handle }];

const part = (part) => {
  if (typeof part === "string") return { tag: "text", val: part };
  if ("user" in part) return { tag: "basic", val: [part.user, part.password] };
  return { tag: "secret", val: part };
};

const body = (request) => {
  if (request.json !== undefined) {
    const held = Object.entries(request.secrets ?? {});
    return { tag: "json", val: { text: JSON.stringify(request.json), secrets: held } };
  }
  if (request.body === undefined) return null;
  const bytes = typeof request.body === "string" ? encoded(request.body) : request.body;
  return { tag: "bytes", val: bytes };
};

/**
 * Sends one request and waits for the whole answer: `{method, url, headers, json, secrets,
 * body, timeoutMs, capture}`. In `headers`, a value is a text or a list of parts; in
 * `secrets`, JSON pointers into `json` name the handles that take the place of values.
 */
export function send(request) {
  const headers = Object.entries(request.headers ?? {}).map(([name, value]) => ({
    name,
    value: (Array.isArray(value) ? value : [value]).map(part),
  }));
  let answer;
  try {
    answer = http.send({
      method: (request.method ?? "get").toLowerCase(),
      url: request.url,
      headers,
      body: body(request),
      timeoutMs: request.timeoutMs ?? null,
      capture: (request.capture ?? []).map((place) =>
        place.startsWith("/") ? { tag: "json", val: place } : { tag: "header", val: place }),
    });
  } catch (error) {
    throw unanswered(payload(error));
  }
  const text = () => decoded(answer.body);
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    captured: answer.captured,
    truncated: answer.truncated,
    text,
    json: () => JSON.parse(text()),
  };
}

const CODES = {
  "not-granted": "not_granted", invalid: "bad_request", resolve: "resolve_failed",
  address: "address_refused", connect: "connect_failed", tls: "tls_failed",
  "too-late": "not_sent", timeout: "timeout", cut: "connection_lost", "too-large": "answer_too_large",
};

/** A request that got no answer: nothing happened only when no byte of it left. */
function unanswered(error) {
  if (error?.kind === undefined) return error;
  const effect = error.sent === "no" ? "none" : "unknown";
  return new Failure(effect, CODES[error.kind], error.message);
}

/** What a host's error holds. */
const payload = (error) => error?.payload ?? error;

/** What QuickJS leaves to its host: UTF-8. */
function encoded(text) {
  const escaped = unescape(encodeURIComponent(text));
  return Uint8Array.from(escaped, (character) => character.charCodeAt(0));
}

function decoded(bytes) {
  let text = "";
  for (const byte of bytes) text += "%" + byte.toString(16).padStart(2, "0");
  return decodeURIComponent(text);
}

/** The schema of an object: `name: "string"`, `name: {schema}`; `name?` may be left out. */
function schema(properties = {}) {
  const whole = { type: "object", properties: {}, required: [] };
  for (const [key, value] of Object.entries(properties)) {
    const name = key.replace(/\?$/, "");
    whole.properties[name] = typeof value === "string" ? { type: value } : value;
    if (name === key) whole.required.push(name);
  }
  return JSON.stringify(whole);
}

const requests = (given, reads) => (given ?? []).map((request) => {
  const [methods, url] = request.split(" ");
  return { methods: methods.toLowerCase().split("|"), url, reads };
});

/**
 * The exports of a plugin: `{name, version, summary, rate, actions}`. An action is `{summary,
 * effect, input, output, run}`, and where it has them `{reconcile, undo, reads, sends,
 * signsWith, provides, timeoutMs, settleMs, observeMs}`. `reads` and `sends` list the
 * requests that it may send, such as `"GET https://api.example.com/v1/things/*"`.
 */
export function plugin({ name, version, summary, actions, rate }) {
  const entry = ([name, action]) => ({
    name,
    summary: action.summary,
    input: schema(action.input),
    output: schema(action.output),
    effect: action.effect,
    reconciles: action.reconcile !== undefined,
    undoes: action.undo !== undefined,
    provides: action.provides ?? null,
    requests: [...requests(action.reads, true), ...requests(action.sends, false)],
    signsWith: action.signsWith ?? [],
    timeoutMs: action.timeoutMs ?? null,
    settleMs: action.settleMs ?? 30000,
    observeMs: action.observeMs ?? null,
  });
  const action = (call) => {
    if (!Object.hasOwn(actions, call.action)) throw new Failure("none", "no_action", `this plugin has no action \`${call.action}\``);
    return actions[call.action];
  };
  /** What a function throws becomes a failure; what nobody thought of, an unknown one. */
  const guarded = (work) => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Failure)) {
        attempt.log("error", `${error}\n${error?.stack ?? ""}`);
        error = new Failure("unknown", "exception", String(error));
      }
      const evidence = error.evidence === undefined ? null : JSON.stringify(error.evidence);
      throw { effect: error.effect, code: error.code, message: error.message, evidence };
    }
  };
  const checkpoint = (text) => (text === null || text === undefined ? undefined : JSON.parse(text));
  return {
    describe: {
      describe: () => ({
        name, version, summary, rate: rate ?? null,
        actions: Object.entries(actions).map(entry),
      }),
    },
    run: {
      run: (call, input) => guarded(() =>
        JSON.stringify(action(call).run(new Attempt(call), JSON.parse(input)) ?? {})),
    },
    reconcile: {
      /** The action's `reconcile` gives `{happened}`, `{notHappened}`, `{settled}`, `{inProgress}` or `{unknown}`. */
      reconcile: (call, input, doubt) => {
        try {
          const given = { phase: doubt.phase, checkpoint: checkpoint(doubt.checkpoint) };
          return answer(action(call).reconcile(new Attempt(call), JSON.parse(input), given));
        } catch (error) {
          throw String(error?.message ?? error);
        }
      },
    },
    undo: {
      undo: (call, input, kept) => guarded(() => {
        action(call).undo(new Attempt(call), JSON.parse(input), checkpoint(kept));
      }),
    },
  };
}

function answer(given) {
  const json = (tag, value) => ({ tag, val: JSON.stringify(value) });
  if ("happened" in given) return json("happened", given.happened);
  if ("notHappened" in given) return json("not-happened", given.notHappened);
  if ("settled" in given) return json("settled", given.settled);
  if ("inProgress" in given) return { tag: "in-progress", val: given.inProgress };
  return { tag: "unknown", val: given.unknown ?? "" };
}
