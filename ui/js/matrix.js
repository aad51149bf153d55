// Who may reach whom, of one tenant: by port, by group when there are many. A cell opens its trace.

import { curl, get, path, query } from "./api.js";
import { h, show, link, newId } from "./dom.js";
import { grid } from "./grid.js";
import { plural } from "./format.js";
import { empty, panel } from "./panel.js";
import { ownTenant } from "./session.js";
import { brief, sample, spoken, words } from "./traffic.js";
import { tracer } from "./tracer.js";

const PORTS_MAX = 40;
const CHANGES = /^(tenant|group|address_group|port|guardrail)\.(created|updated|deleted)$/;
// Without the revision, which goes up with every change of anything.
const matter = ({ rows, cols, cells, partial }) => ({ rows, cols, cells, partial });
const remembered = () => { try { return sessionStorage.getItem("ow-tenant"); } catch { return null; } };
const remember = (name) => { try { sessionStorage.setItem("ow-tenant", name); } catch { /* private mode */ } };

export function matrix(signal) {
  const trace = tracer(signal);
  const select = h("select", { id: newId("tenant"), onchange: () => { chosen = table = null; remember(select.value); box.reset(); } });
  const by = h("select", { id: newId("by"), onchange: () => { chosen = table = null; asked = by.value; box.reset(); } },
    h("option", { value: "port" }, "by port"), h("option", { value: "group" }, "by group"));
  let asked = null; // what was chosen by hand; otherwise it follows the number of ports
  let chosen = null; // [row name, column name]
  let table = null; // what is shown now; the place of its focus outlives it
  const holder = h("div.matrix", null);
  const box = panel({
    title: "Who may reach whom", sub: "row connects to column", name: "reach", signal, every: 30_000,
    watch: (event) => CHANGES.test(event.type) && (!event.data?.tenant || event.data.tenant === select.value),
    actions: [h("label.hidden", { for: select.id }, "Tenant"), select, h("label.hidden", { for: by.id }, "Rows and columns"), by],
    curl: () => curl(where()), load, draw,
  });
  const where = () => path`/v1/tenants/${select.value}/reachability` + query({ by: by.value });

  async function load(ending) {
    const { tenants } = await get("/v1/overview", ending);
    choices(tenants);
    const tenant = tenants.find((each) => each.name === select.value);
    if (!tenant) return { tenant: null };
    const many = tenant.ports.total > PORTS_MAX;
    by.firstElementChild.disabled = many;
    by.value = many ? "group" : asked ?? "port";
    trace.of(tenant.name);
    return { tenant: tenant.name, by: by.value, ports: tenant.ports.total, reach: matter(await get(where(), ending)) };
  }

  function choices(tenants) {
    const names = tenants.map((each) => each.name);
    if (names.join() === [...select.options].map((each) => each.value).join()) return;
    const busiest = [...tenants].sort((a, b) => b.ports.total - a.ports.total)[0]?.name;
    const wanted = [select.value, remembered(), ownTenant(), busiest].find((name) => names.includes(name));
    show(select, names.map((name) => h("option", { value: name }, name)));
    if (wanted) select.value = wanted;
  }

  function draw({ tenant, by: kind, ports, reach }) {
    if (!tenant) return empty("There is no tenant yet.");
    const { rows, cols, cells } = reach;
    const partial = new Set(reach.partial.map(([row, col]) => `${row} ${col}`));
    if (!rows.length) return empty(kind === "group" ? `${tenant} has no groups.` : `${tenant} has no ports.`);
    const had = holder.contains(document.activeElement);
    table = grid({
      label: `Who may reach whom in ${tenant}, by ${kind}`, rows, cols, at: table?.here(), corner: h("span.hidden", null, "from, to"),
      head: (n, side) => (side === "col" ? cols[n] : kind === "port" ? link(path`#/port/${tenant}/${rows[n]}`, rows[n]) : rows[n]),
      cell: (row, col) => kind === "port" && rows[row] === cols[col] ? null : {
        content: brief(cells[row][col]), kind: !words(cells[row][col]).length ? "deny" : partial.has(`${row} ${col}`) ? "allow.partial" : "allow",
        label: `${rows[row]} to ${cols[col]}: ${spoken(cells[row][col])}${partial.has(`${row} ${col}`) ? ", some of them" : ""}`,
      },
      choose: (row, col) => { chosen = [rows[row], cols[col]]; why(tenant, kind, ...chosen, askable(cells, row, col)); },
    });
    show(holder, table.element);
    if (chosen) table.mark(rows.indexOf(chosen[0]), cols.indexOf(chosen[1]));
    if (had) holder.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
    return [h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Matrix" }, holder),
      h("p.legend.small.muted", null, h("span.swatch.allow"), "TCP ports, or what else may pass ", h("span.swatch.deny"), "nothing",
        partial.size > 0 && [h("span.swatch.some"), "for some of them"],
        ` · ${plural(ports, "port")}`), trace.element];
  }

  // A cell with nothing in it is asked about by what others reach that column with: nobody asks why nothing passes.
  const askable = (cells, row, col) => [cells[row][col], ...cells.map((line) => line[col])].find((cell) => words(cell).length) ?? "-";

  async function why(tenant, kind, from, to, cell) {
    const ends = kind === "port" ? [from, to] : await examples(tenant, from, to);
    if (ends.includes(null)) return trace.say(`No port carries ${ends[0] ? to : from}, so there is no packet to trace.`);
    return trace.ask(tenant, { src: ends[0], dst: ends[1], ...sample(cell) });
  }

  // Two different ports that carry the groups.
  async function examples(tenant, from, to) {
    const of = async (group) => (await get(path`/v1/tenants/${tenant}/ports` + query({ group, limit: 2 }), signal)).items.map((each) => each.id);
    const [sources, targets] = await Promise.all([of(from), of(to)]);
    const source = sources[0] ?? null;
    return [source, targets.find((each) => each !== source) ?? null];
  }

  return box.element;
}
