// Builds change-freeze.wasm. Everything of WASI is left out: the server takes no component that imports a function.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { componentize } from "@bytecodealliance/componentize-js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const schema = await readFile(here("../../examples/change-freeze/src/settings.schema.json"), "utf8");
const source = await readFile(here("change-freeze.js"), "utf8");

// A component has no files: what the plugin needs is put into its source.
await mkdir(here("build"), { recursive: true });
await writeFile(here("build/plugin.js"), `const SCHEMA = ${JSON.stringify(schema)};\n${source}`);

const { component } = await componentize({
  sourcePath: here("build/plugin.js"),
  witPath: here("../../../wit/policy"),
  worldName: "access-policy",
  disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
await writeFile(here("change-freeze.wasm"), component);
console.log(`change-freeze.wasm made, ${Math.ceil(component.byteLength / 1024)} KiB`);
