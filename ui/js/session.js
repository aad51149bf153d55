// Who is signed in. The cookie cannot be read here; that there may be one is noted, so that nobody is asked in vain.

import { get, post } from "./api.js";

const NOTE = "ow-signed-in";
const OPERATOR = ["admin", "operator"];
let caller = null;

const noted = () => { try { return localStorage.getItem(NOTE) === "1"; } catch { return true; } };
function note(is) {
  try { if (is) localStorage.setItem(NOTE, "1"); else localStorage.removeItem(NOTE); } catch { /* private mode */ }
}

// The caller as /v1/whoami tells it, or null when nobody is signed in.
export async function whoami() {
  if (!noted()) return null;
  try {
    caller = await get("/v1/whoami");
  } catch (refusal) {
    if (refusal.status !== 401) throw refusal;
    forget();
  }
  return caller;
}

// Exchanges a token for a cookie; the token itself is kept nowhere.
export async function login(token) {
  await post("/ui/login", JSON.stringify({ token }), "application/json");
  note(true);
  return whoami();
}

export async function logout() {
  try { await post("/ui/logout"); } finally { forget(); }
}

export function forget() {
  caller = null;
  note(false);
}

export const signedIn = () => caller;

// Operators see switches and every tenant; the others one tenant.
export const isOperator = () => OPERATOR.includes(caller?.role);
export const ownTenant = () => caller?.tenant ?? null;
