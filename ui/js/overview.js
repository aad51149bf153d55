// The first page, in the order of an operator's questions: is all in force, who is affected, why, what changed.

import { h } from "./dom.js";
import { drops } from "./drops.js";
import { feed } from "./feed.js";
import { fill } from "./fill.js";
import { matrix } from "./matrix.js";
import { strip } from "./strip.js";
import { topology } from "./topology.js";

export function overview(signal) {
  return [
    h("h1.hidden", null, "Overview"),
    strip(signal),
    h("div.columns.wide-first", null, matrix(signal), h("div.stack", null, fill(signal), feed(signal))),
    h("div.columns", null, drops(signal), topology(signal)),
  ];
}
