// <script async src="https://your-server/v1/tailrace.js"></script>: each page tells that it was viewed.
// With data-query in it, another query string of the same path is another page.
(function () {
  var self = document.currentScript, url = new URL("views", self.src);
  var last, from = document.referrer, timer;
  if (!from.indexOf(location.origin + "/")) from = "";
  // crypto.randomUUID is there for pages by https alone.
  function id() {
    return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, function (x) {
      return (x ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (x / 4)))).toString(16);
    });
  }
  function session() {
    try {
      return sessionStorage.tailrace || (sessionStorage.tailrace = id());
    } catch (e) {}
  }
  function view() {
    var path = location.pathname, query = location.search, now = Date.now();
    var page = "query" in self.dataset ? path + query : path;
    if (page === last) return;
    last = page;
    var body = JSON.stringify({
      path: path + query,
      event_id: id(),
      ts: now,
      sent: now,
      title: document.title,
      referrer: from,
      session: session(),
      viewport: innerWidth + "x" + innerHeight
    });
    from = "";
    // A text would come with a charset.
    body = new Blob([body], { type: "text/plain" });
    if (!(navigator.sendBeacon && navigator.sendBeacon(url, body)))
      fetch(url, { method: "POST", body: body, keepalive: true, mode: "no-cors" });
  }
  // An application of one page gives it its title only after it has changed the address.
  function soon() {
    clearTimeout(timer);
    timer = setTimeout(view, 300);
  }
  ["pushState", "replaceState"].forEach(function (name) {
    var change = history[name];
    history[name] = function () {
      change.apply(this, arguments);
      soon();
    };
  });
  addEventListener("popstate", soon);
  addEventListener("pagehide", view);
  view();
})();
