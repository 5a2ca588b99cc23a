"use strict";
// Draws the charts, and lets one search, sort and open the invoices. Every text from the data goes in as a text node.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const day = (text) => new Date(`${text}T00:00:00Z`);
  const inWords = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "long", year: "numeric", timeZone: "UTC"});
  const counted = new Intl.NumberFormat("en-GB");

  // --- charts: each has its figures as a table in the page, so a screen reader gets their label alone ---------------------

  const style = {fontSize: "13px", fontFamily: "inherit", background: "none", overflow: "visible"};

  const bridge = (chart, width) => {
    let at = 0;
    const bars = chart.steps.map(([label, kind, minor, text]) => {
      const from = kind === "total" ? 0 : at;
      at = kind === "total" ? minor : at + minor;
      return {label, text, from, to: at, fill: kind === "total" ? "total" : minor < 0 ? "down" : "up", end: Math.max(from, at)};
    });
    const next = bars.slice(1).map((bar, n) => ({...bar, joint: bars[n].to, above: bars[n].label}));
    const left = 16 + 7.4 * Math.max(...bars.map((bar) => bar.label.length));
    return Plot.plot({
      width, height: 30 * bars.length + 12, marginLeft: left, marginRight: 92, marginTop: 4, marginBottom: 8, style,
      x: {axis: null}, y: {axis: null, domain: bars.map((bar) => bar.label), padding: 0.28},
      marks: [
        Plot.text(bars, {frameAnchor: "left", y: "label", text: "label", textAnchor: "start", dx: -left, fill: "var(--ink)"}),
        ...["total", "up", "down"].map((fill) => Plot.barX(bars.filter((bar) => bar.fill === fill), {x1: "from", x2: "to", y: "label", fill: `var(--${fill})`})),
        ...next.map((bar) => Plot.ruleX([bar.joint], {y1: bar.above, y2: bar.label, stroke: "var(--quiet)", strokeOpacity: 0.6})),
        Plot.ruleX([0], {stroke: "var(--quiet)"}),
        Plot.text(bars, {x: "end", y: "label", text: "text", textAnchor: "start", dx: 7, fill: "var(--ink)", stroke: "var(--paper)", strokeWidth: 5}),
      ],
    });
  };

  const seats = (chart, width) => {
    const rows = chart.days.flatMap(([on, ...held]) => held.map((count, n) => ({on: day(on), held: count, n, name: chart.series[n]})).filter((row) => row.held !== null));
    const last = chart.series.map((name, n) => rows.findLast((row) => row.n === n)).filter(Boolean);
    const room = Math.min(0.4 * width, 22 + 8 * Math.max(...last.map((row) => `${row.name} ${counted.format(row.held)}`.length)));
    const colour = (n) => `var(--series-${n + 1})`;
    const lines = chart.series.map((name, n) => Plot.lineY(rows.filter((row) => row.n === n), {x: "on", y: "held", stroke: colour(n), strokeWidth: 2.2, curve: "step-after"}));
    return Plot.plot({
      width, height: 250, marginLeft: 44, marginRight: room, marginTop: 24, style,
      x: {type: "utc", label: null}, y: {grid: true, label: null, zero: true, nice: true, tickFormat: (d) => Number.isInteger(d) ? counted.format(d) : ""},
      marks: [
        Plot.ruleY([0], {stroke: "var(--quiet)"}),
        ...(rows[0].on < day(chart.from) ? [
          Plot.ruleX([day(chart.from)], {stroke: "var(--quiet)", strokeDasharray: "3 3"}),
          Plot.text([day(chart.from)], {x: (d) => d, frameAnchor: "top", text: () => chart.title, textAnchor: "start", dx: 5, dy: -14, fill: "var(--quiet)"}),
        ] : []),
        ...lines,
        ...apart(last, rows, 220).map((row) => Plot.text([row], {x: "on", y: "place", text: (d) => `${d.name} ${counted.format(d.held)}`, textAnchor: "start", dx: 8, fill: colour(row.n), fontWeight: 600})),
        Plot.tip(rows, Plot.pointerX({x: "on", y: "held", title: (d) => `${inWords.format(d.on)}\n${d.name}: ${counted.format(d.held)} seats held`})),
      ],
    });
  };

  // Labels at the lines' ends, moved apart where they would lie on each other; `height` is what the axis has in pixels.
  const apart = (last, rows, height) => {
    const step = (17 * Math.max(...rows.map((row) => row.held), 1)) / height;
    let floor = -Infinity;
    return [...last].sort((a, b) => a.held - b.held).map((row) => {
      floor = Math.max(row.held, floor + step);
      return {...row, place: floor};
    });
  };

  const deferred = (chart, width) => {
    const unit = 10 ** chart.decimals;
    const rows = chart.months.map(([month, minor, text]) => ({month, value: minor / unit, text}));
    const short = new Intl.DateTimeFormat("en-US", {month: width / rows.length < 34 ? "narrow" : "short", timeZone: "UTC"});
    const year = (month, n) => (n === 0 || month.slice(5, 7) === "01" ? `\n${month.slice(0, 4)}` : "");
    const labelled = width / rows.length > 58;
    return Plot.plot({
      width, height: 240, marginLeft: labelled ? 0 : 56, marginRight: 0, marginTop: 24, marginBottom: 40, style,
      x: {type: "band", label: null, tickSize: 0, padding: 0.15, tickFormat: (month, n) => short.format(day(month)) + year(month, n)},
      y: labelled ? {axis: null, zero: true} : {grid: true, label: null, zero: true, tickFormat: (d) => counted.format(d), ticks: 5},
      marks: [
        Plot.barY(rows, {x: "month", y: "value", fill: "var(--total)"}),
        Plot.ruleY([0], {stroke: "var(--quiet)"}),
        ...(labelled
          ? [Plot.text(rows, {x: "month", y: "value", text: "text", dy: -9, fontSize: 12, fill: "var(--ink)"})]
          : [Plot.tip(rows, Plot.pointerX({x: "month", y: "value", title: "text"}))]),
      ],
    });
  };

  const draw = {due: bridge, recurring: bridge, seats, deferred};
  const charts = read("charts");
  const drawn = new Map();
  const drawAll = () => {
    for (const figure of document.querySelectorAll("figure.chart")) {
      figure.hidden = false;
      const holder = figure.firstElementChild;
      const width = Math.round(holder.clientWidth);
      if (!width || drawn.get(figure) === width) continue;
      drawn.set(figure, width);
      const made = draw[figure.dataset.chart](charts[figure.dataset.chart][figure.dataset.n], width);
      made.querySelectorAll("style").forEach((sheet) => sheet.remove()); // the page's own sheet has what it says
      made.setAttribute("aria-hidden", "true");
      holder.replaceChildren(made);
    }
  };
  drawAll();
  let waiting;
  addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(drawAll);
  });

  // --- invoices ---------------------------------------------------------------------------------------------------------

  const browser = document.getElementById("invoice-browser");
  if (!browser) return;
  const names = read("names");
  const invoices = read("invoices");
  const plainly = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const minor = (text) => (/\d/.test(text) ? BigInt((text.startsWith("−") ? "-" : "") + text.replace(/\D/g, "")) : 0n);
  for (const invoice of invoices) {
    invoice.name = Object.hasOwn(names, invoice.workspace) ? names[invoice.workspace] : "";
    invoice.text = plainly([invoice.number, invoice.workspace, invoice.name, invoice.subscription, invoice.plans, invoice.on].join("\n"));
    invoice.place = invoice.number.replace(/\d+$/, (digits) => digits.padStart(12, "0")); // the millionth comes last
  }

  const columns = [
    {label: "Invoice", key: (i) => i.place},
    {label: "Date", key: (i) => i.on, wide: true},
    {label: "Workspace", key: (i) => plainly(i.name || i.workspace), wide: true},
    {label: "Plan", key: (i) => i.plans, wide: true},
    {label: "Net", key: (i) => minor(i.net), number: true, wide: true},
    {label: "Credit", key: (i) => minor(i.credit), number: true, wide: true},
    {label: "Due", key: (i) => minor(i.due), number: true},
    {label: "Change", key: (i) => minor(i.difference), number: true, wide: true},
  ];
  const cell = (name, column, ...children) => element(name, {class: `${column.number ? "n " : ""}${column.wide ? "wide" : ""}`}, ...children);
  const isolated = (text) => element("bdi", {}, text);
  const search = document.getElementById("search");
  const status = document.getElementById("search-status");
  const body = document.querySelector("#invoice-table tbody");
  const more = document.getElementById("more");
  const few = 25;
  let order = {column: null, down: false};
  let most = few;

  const lineTable = (invoice) => {
    const rows = invoice.lines.map(([id, description, amount]) => element("tr", {},
      element("th", {scope: "row", class: "wide date"}, isolated(id)), element("td", {}, isolated(description)), element("td", {class: "n"}, amount)));
    const head = element("tr", {}, element("th", {scope: "col", class: "wide"}, "Line"), element("th", {scope: "col"}, "What, and its formula"), element("th", {scope: "col", class: "n"}, invoice.currency));
    const sum = (label, text) => element("tr", {class: "sum"}, element("td", {class: "wide"}), element("th", {scope: "row"}, label), element("td", {class: "n"}, text));
    const sums = [sum("Net", invoice.net), ...(invoice.credit === "–" ? [] : [sum(invoice.credit.startsWith("+") ? "Credit granted" : "Credit used", invoice.credit)]), sum("Due", invoice.due)];
    return element("table", {}, element("caption", {}, "Lines of ", invoice.number, " of ", inWords.format(day(invoice.on))), element("thead", {}, head), element("tbody", {}, ...rows, ...sums));
  };

  const details = (invoice) => {
    const made = [lineTable(invoice)];
    if (invoice.lines.length < invoice.count) made.push(element("p", {class: "quiet"}, `${counted.format(invoice.lines.length)} of ${counted.format(invoice.count)} lines are shown; all are in invoice_lines.csv.`));
    if (invoice.before) {
      const causes = invoice.before.causes.map(([cause, amount]) => `${cause} ${amount}`).join(", ");
      made.push(element("p", {}, `Before it, ${invoice.before.number} of ${inWords.format(day(invoice.before.on))}: ${invoice.before.due} due.`, causes ? ` Why they differ: ${causes}.` : ""));
    } else made.push(element("p", {}, "The first invoice of its subscription."));
    made.push(element("p", {class: "quiet"}, "Subscription ", isolated(invoice.subscription)));
    return made;
  };

  const row = (invoice, n) => {
    const id = `lines-${n}`;
    const open = element("button", {type: "button", "aria-expanded": "false", "aria-controls": id}, invoice.number);
    const inside = element("td", {colspan: columns.length});
    const opened = element("tr", {id, class: "opened", hidden: ""}, inside);
    open.addEventListener("click", () => {
      opened.hidden = !opened.hidden;
      open.setAttribute("aria-expanded", String(!opened.hidden));
      if (!inside.firstChild) inside.append(...details(invoice));
    });
    const who = invoice.name ? [isolated(invoice.name), " ", element("span", {class: "quiet"}, isolated(invoice.workspace))] : [isolated(invoice.workspace)];
    const texts = [null, invoice.on, who, isolated(invoice.plans), invoice.net, invoice.credit, `${invoice.due} ${invoice.currency}`, invoice.difference];
    const cells = columns.slice(1).map((column, at) => cell("td", column, ...[texts[at + 1]].flat()));
    cells[0].classList.add("date");
    cells[1].classList.add("who");
    const below = element("span", {class: "narrow"}, isolated(invoice.name || invoice.workspace)); // where the column is not shown
    return [element("tr", {}, element("th", {scope: "row"}, open, below), ...cells), opened];
  };

  const found = () => {
    const words = plainly(search.value).split(/\s+/).filter(Boolean);
    const rows = invoices.filter((invoice) => words.every((word) => invoice.text.includes(word)));
    if (order.column === null) return rows;
    const key = columns[order.column].key;
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    return rows.map((i) => [key(i), i]).sort((a, b) => (order.down ? -1 : 1) * compare(a[0], b[0]) || compare(a[1].place, b[1].place)).map(([, i]) => i);
  };

  const button = (text, act) => {
    const made = element("button", {type: "button"}, text);
    made.addEventListener("click", act);
    return made;
  };

  const show = () => {
    const rows = found();
    body.replaceChildren(...rows.slice(0, most).flatMap((invoice, n) => row(invoice, n)));
    const shown = Math.min(most, rows.length);
    const of = `${counted.format(rows.length)} ${rows.length === 1 ? "invoice" : "invoices"}`;
    status.textContent = (search.value.trim() ? `${of} found` : of) + (shown < rows.length ? `, ${counted.format(shown)} shown.` : ".");
    const grow = (count) => () => {
      const at = body.children.length;
      most = count;
      show();
      body.children[at]?.querySelector("button")?.focus();
    };
    more.replaceChildren(...(shown < rows.length ? [button("Show 100 more", grow(most + 100)), button(`Show all ${counted.format(rows.length)}`, grow(rows.length))] : []));
  };

  const heads = columns.map((column, n) => {
    const head = element("th", {scope: "col", "aria-sort": "none"}, button(column.label, () => {
      order = order.column === n ? {column: n, down: !order.down} : {column: n, down: Boolean(column.number)};
      heads.forEach((other, at) => {
        other.setAttribute("aria-sort", at !== n ? "none" : order.down ? "descending" : "ascending");
      });
      show();
    }));
    head.className = `${column.number ? "n " : ""}${column.wide ? "wide" : ""}`;
    return head;
  });
  document.querySelector("#invoice-table thead tr").append(...heads);
  document.getElementById("search-form").addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", () => {
    most = few;
    show();
  });
  browser.hidden = false;

  // index.html#PIV-2026-000015 opens that invoice
  const openNamed = () => {
    const named = invoices.find((invoice) => `#${encodeURIComponent(invoice.number)}` === location.hash);
    if (!named) return show();
    search.value = named.number;
    show();
    body.querySelector("button").click();
    browser.scrollIntoView();
  };
  addEventListener("hashchange", openNamed);
  openNamed();
})();
