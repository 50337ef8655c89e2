// A plugin to start from. It refuses everything below one path; what it shall leave to others or allow is for you to
// write.
//
// `SCHEMA` is put in front of this by build.js.

/** What `configure` made of the settings: each decision starts from this state. */
let below = null;

export function describe() {
  return {
    name: "template",
    version: "0.1.0",
    summary: "Refuses every access below one path.",
    settingsSchema: SCHEMA,
  };
}

/** Settings are JSON text. What is thrown is the list of everything that is wrong with them. */
export function configure(text) {
  const settings = parsed(text);
  const isObject = typeof settings === "object" && settings !== null && !Array.isArray(settings);
  if (!isObject || Object.keys(settings).some((key) => key !== "below")) {
    throw [{ pointer: "", message: "must be an object with the key `below` and no other" }];
  }
  if (typeof settings.below !== "string" || settings.below === "" || settings.below.endsWith("/")) {
    throw [{ pointer: "/below", message: "must be a path such as `prod`, without a slash at its end" }];
  }
  below = `${settings.below}/`;
  return { budgets: [], facts: [] };
}

export function evaluateAccess(request) {
  // A plugin that was never configured has no opinion to give, and must not be taken for one that has nothing against it.
  if (below === null) throw new Error("not configured");
  if (request.path.startsWith(below)) return answer({ tag: "deny", val: reason("template/closed") });
  // Not this plugin's business. It is no allow: if nobody else allows the request, it is refused.
  return answer({ tag: "abstain" });
}

function answer(verdict) {
  return { verdict, reservations: [], notes: [] };
}

/** The server writes a sentence where there is none. */
function reason(code) {
  return { code, message: "", rule: "", condition: "", figures: undefined };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw [{ pointer: "", message: "must be JSON" }];
  }
}
