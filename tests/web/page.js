// A page of a browser as far as tailrace.js looks at it: steps in, views out, as JSON.
// node page.js SCRIPT '{"referrer", "data": {}, "steps": [["pushState"|"replaceState", url] | ["title", text] | ["wait"] | ["hide"]]}'
const fs = require("fs"), vm = require("vm");
const given = JSON.parse(process.argv[3]);
const origin = "https://site.example", views = [], listeners = {};
let waiting = null;
const place = { origin, pathname: "/a", search: "?x=1" };
function go(state, title, url) {
  const to = new URL(url, origin);
  place.pathname = to.pathname;
  place.search = to.search;
}
const page = {
  URL, crypto: globalThis.crypto, Uint8Array, JSON, Date,
  Blob: class { constructor(parts) { this.text = parts[0]; } },
  document: {
    currentScript: { src: "https://server.example/v1/tailrace.js", dataset: given.data || {} },
    referrer: given.referrer || "",
    title: "A",
  },
  location: place,
  history: { pushState: go, replaceState: go },
  navigator: { sendBeacon: (url, body) => views.push({ url: url.href, ...JSON.parse(body.text) }) },
  sessionStorage: {}, innerWidth: 1280, innerHeight: 720,
  setTimeout: (step) => { waiting = step; return 1; },
  clearTimeout: () => { waiting = null; },
  addEventListener: (name, heard) => { listeners[name] = heard; },
};
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), page);
for (const [name, value] of given.steps || []) {
  if (name === "title") page.document.title = value;
  else if (name === "hide") listeners.pagehide();
  else if (name === "wait") { const step = waiting; waiting = null; if (step) step(); }
  else page.history[name](null, "", value);
}
process.stdout.write(JSON.stringify(views));
