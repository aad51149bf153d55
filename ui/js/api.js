// The REST API of the controller that served this page, and the curl line of whatever is asked.

export const BASE = new URL("../", new URL("./", document.baseURI)); // the page is <base>ui/
const WAIT = 20_000; // ms until a request counts as lost

// What the controller refused, as its problem document (RFC 9457) says it, or that it did not answer.
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `status ${status}`);
    this.status = status;
    this.code = problem.code ?? "";
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id ?? "";
    this.problem = problem;
  }
}

// path`/v1/tenants/${tenant}/ports` - a path whose values are encoded
export const path = (texts, ...values) =>
  texts.reduce((whole, text, n) => whole + encodeURIComponent(values[n - 1]).replace(/'/g, "%27") + text);

export function query(parameters) {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
  const text = new URLSearchParams(pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined));
  return text.size ? `?${text}` : "";
}

export const url = (where) => new URL(where.replace(/^\//, ""), BASE).href;

const quoted = (text) => `'${String(text).replace(/'/g, "'\\''")}'`;

// The same as a command. $T is the Authorization header: no token is ever shown.
export function curl(where, { accept, method, data, type, stream } = {}) {
  return [
    `curl -s${stream ? "N" : ""}H "$T"`,
    method && `-X ${method}`,
    accept && `-H ${quoted(`Accept: ${accept}`)}`,
    type && `-H ${quoted(`Content-Type: ${type}`)}`,
    data && `--data-binary ${quoted(data)}`,
    quoted(url(where)),
  ].filter(Boolean).join(" ");
}

async function ask(where, options, signal) {
  const patience = AbortSignal.timeout(WAIT);
  let answer;
  try {
    answer = await fetch(url(where), {
      credentials: "same-origin", cache: "no-store", redirect: "error", ...options,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    const slow = patience.aborted;
    throw new Refusal(0, {
      code: slow ? "timeout" : "unreachable",
      detail: slow ? "the controller did not answer in time" : "the controller cannot be reached",
    });
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  if (answer.status === 401 && where !== "/ui/login") document.dispatchEvent(new CustomEvent("ow:signed-out"));
  throw new Refusal(answer.status, problem ?? {});
}

export async function get(where, signal) {
  return (await ask(where, { headers: { Accept: "application/json" } }, signal)).json();
}

export async function text(where, signal) {
  return (await ask(where, { headers: { Accept: "text/plain" } }, signal)).text();
}

// All pages of a list, at most `most` items; `more` says whether some are left out.
export async function list(where, signal, most = 5000) {
  const items = [];
  let next = where + (where.includes("?") ? "&" : "?") + "limit=1000";
  let page = null;
  while (next && items.length < most) {
    page = await get(next, signal);
    items.push(...page.items);
    next = page.next;
  }
  return { ...page, items, more: Boolean(next) };
}

// The cookie alone may not send anything: a form of another site could not add this header.
export async function post(where, body, type, signal) {
  const headers = { Accept: "application/json", "X-Ovswarden-Session": "1" };
  if (type) headers["Content-Type"] = type;
  const answer = await ask(where, { method: "POST", headers, body }, signal);
  return answer.status === 204 ? null : answer.json();
}
