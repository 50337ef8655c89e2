// Builds the component that `plugin` in package.json describes. Everything of WASI is left out: the server takes no
// component that imports a function.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { componentize } from "@bytecodealliance/componentize-js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const text = (path) => readFile(here(path), "utf8");
const { plugin } = JSON.parse(await text("package.json"));

// A component has no files: what the plugin needs is put into its source.
await mkdir(here("build"), { recursive: true });
const schema = JSON.stringify(await text(plugin.schema));
await writeFile(here("build/plugin.js"), `const SCHEMA = ${schema};\n${await text(plugin.source)}`);

const { component } = await componentize({
  sourcePath: here("build/plugin.js"),
  witPath: here(plugin.wit),
  worldName: plugin.world,
  disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
// The server tries the cases that a component carries before it takes it.
const whole = Buffer.concat([component, section("oneclaw:cases", await readFile(here(plugin.cases)))]);
await writeFile(here(plugin.component), whole);
console.log(`${plugin.component} made, ${Math.ceil(whole.byteLength / 1024)} KiB`);

/** A custom section of WebAssembly. */
function section(name, content) {
  const body = Buffer.concat([length(name.length), Buffer.from(name), content]);
  return Buffer.concat([Buffer.of(0), length(body.length), body]);
}

/** A number as WebAssembly writes it: seven bits a byte, the lowest first. */
function length(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.of(...bytes, value);
}
