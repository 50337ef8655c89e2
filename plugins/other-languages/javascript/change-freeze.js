// Refuses changes to secrets while a freeze lasts: nothing is written, deleted or rotated. Reading is left to others.
//
// `SCHEMA` is put in front of this by build.js.

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/** What `configure` made of the settings: each decision starts from this state. */
let freezes = null;

export function describe() {
  return {
    name: "change-freeze",
    version: "0.1.0",
    summary: "Refuses changes to secrets while a freeze lasts.",
    settingsSchema: SCHEMA,
  };
}

/** Settings are JSON text. What is thrown is the list of everything that is wrong with them. */
export function configure(text) {
  const problems = [];
  const problem = (pointer, message) => problems.push({ pointer, message });
  const read = readSettings(text, problem);
  if (problems.length > 0) throw problems;
  freezes = read;
  return { budgets: [], facts: [] };
}

export function evaluateAccess(request) {
  // A plugin that was never configured has no opinion to give, and must not be taken for one that has nothing against it.
  if (freezes === null) throw new Error("not configured");
  const at = Number(request.atMs);
  const frozen =
    request.permission !== "read" &&
    freezes.find(
      ({ from, until, below }) =>
        from <= at && at < until && (below.length === 0 || below.some((path) => request.path.startsWith(path))),
    );
  if (!frozen) return answer({ tag: "abstain" });
  return answer({
    tag: "deny",
    val: {
      code: "change-freeze/frozen",
      message: `Nothing is changed here before ${frozen.text}.`,
      rule: "",
      condition: "",
      figures: undefined,
    },
  });
}

function answer(verdict) {
  return { verdict, reservations: [], notes: [] };
}

/** The server has checked the settings against the schema before. This checks them all the same: it also runs elsewhere. */
function readSettings(text, problem) {
  let settings;
  try {
    settings = JSON.parse(text);
  } catch {
    problem("", "must be JSON");
    return [];
  }
  const unknown = Object.keys(settings ?? {}).find((key) => key !== "freezes");
  if (unknown !== undefined) problem("", `has a key \`${unknown}\` that there is not`);
  if (!Array.isArray(settings?.freezes) || settings.freezes.length === 0) {
    problem("/freezes", "must have at least one entry");
    return [];
  }
  return settings.freezes.map((freeze, at) => {
    const from = instant(freeze?.from);
    const until = instant(freeze?.until);
    const wrong = "must be an instant in UTC, such as `2026-12-18T17:00:00Z`";
    if (from === null) problem(`/freezes/${at}/from`, wrong);
    if (until === null) problem(`/freezes/${at}/until`, wrong);
    if (from !== null && until !== null && until <= from) problem(`/freezes/${at}/until`, "must be later than `from`");
    const below = freeze?.below ?? [];
    if (!Array.isArray(below) || below.some((path) => typeof path !== "string")) {
      problem(`/freezes/${at}/below`, "must be a list of paths");
      return null;
    }
    return { from, until, text: freeze?.until, below: below.map((path) => `${path.replace(/\/+$/, "")}/`) };
  });
}

/** Milliseconds since 1970, or null. `Date.parse` alone would roll the 30th of February over to March. */
function instant(text) {
  if (typeof text !== "string" || !INSTANT.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 19) !== text.slice(0, 19) ? null : at;
}
