/** What each dispatch took: a strip to scale, and a row for each. */

/** @typedef {{program: string, ops: string, milliseconds: number}} Time */

// Kinds of work by the program's name, each with a colour of the style sheet.
/** @type {[string, RegExp, string][]} */
const KINDS = [
  ["depthwise", /^depthwise/, "Depthwise convolution"],
  ["conv", /conv|dense|fully_connected/, "Convolution"],
  ["pool", /pool|mean|softmax|normalize|reduce|sum/, "Pooling and sums"],
  ["other", /./, "Other"],
];

/** @param {Time} time */
const kind = (time) => KINDS.find(([, pattern]) => pattern.test(time.program)) ?? KINDS[KINDS.length - 1];

/** @param {number} ms */
export function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : 2)} ms`;
}

/**
 * @param {{strip: HTMLElement, legend: HTMLElement, rows: HTMLElement}} places
 * @param {Time[]} times
 * @param {boolean} sorted longest first, else in the order in which they run
 */
export function showTimes({ strip, legend, rows }, times, sorted) {
  const total = times.reduce((sum, t) => sum + t.milliseconds, 0) || 1;
  const longest = Math.max(...times.map((t) => t.milliseconds)) || 1;
  const listed = times.map((time, number) => ({ time, number, group: kind(time)[0] }));
  strip.replaceChildren(
    ...listed.map(({ time, number, group }) => {
      const part = element("i", `part ${group}`);
      part.style.flexGrow = String(time.milliseconds / total);
      part.title = `${number + 1}. ${time.program}: ${duration(time.milliseconds)}`;
      return part;
    }),
  );
  legend.replaceChildren(...legendItems(listed, total));
  if (sorted) listed.sort((a, b) => b.time.milliseconds - a.time.milliseconds);
  rows.replaceChildren(
    ...listed.map(({ time, number, group }) => row(time, number, group, longest, total)),
  );
}

/**
 * @param {{time: Time, group: string}[]} listed
 * @param {number} total
 */
function legendItems(listed, total) {
  const items = [];
  for (const [group, , name] of KINDS) {
    const share = listed.reduce((sum, l) => sum + (l.group === group ? l.time.milliseconds : 0), 0);
    if (!share) continue;
    const item = element("li");
    item.append(element("i", `key ${group}`), `${name} `, element("b", "", percent(share / total)));
    items.push(item);
  }
  return items;
}

/**
 * @param {Time} time
 * @param {number} number
 * @param {string} group
 * @param {number} longest
 * @param {number} total
 */
function row(time, number, group, longest, total) {
  const made = element("tr");
  const name = element("td", "name");
  const operators = element("small", "", readable(time.ops));
  operators.title = time.ops;
  const bar = element("i", `length ${group}`);
  bar.style.width = `${(100 * time.milliseconds) / longest}%`;
  name.append(element("code", "", time.program), operators, bar);
  made.append(
    element("td", "number", String(number + 1)),
    name,
    element("td", "ms", duration(time.milliseconds)),
    element("td", "share", percent(time.milliseconds / total)),
  );
  return made;
}

/** @param {string} ops as the bundle lists them: names and numbers of operators */
const readable = (ops) => ops.replace(/ \d+/g, "").replaceAll(", ", " + ");

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;

/**
 * @param {string} tag
 * @param {string} className
 * @param {string} text
 */
export function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
