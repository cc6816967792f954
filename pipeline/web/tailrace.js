// <script async src="https://your-server/v1/tailrace.js"></script>: each page tells that it was viewed.
(function () {
  var url = new URL("views", document.currentScript.src), last;
  function id() {
    if (crypto.randomUUID) return crypto.randomUUID();
    var b = crypto.getRandomValues(new Uint8Array(16)), h = "";
    b[6] = (b[6] & 15) | 64;
    b[8] = (b[8] & 63) | 128;
    b.forEach(function (x, i) {
      h += (i > 3 && i < 11 && !(i % 2) ? "-" : "") + (x + 256).toString(16).slice(1);
    });
    return h;
  }
  function session() {
    try {
      return sessionStorage.tailrace || (sessionStorage.tailrace = id());
    } catch (e) {}
  }
  function view() {
    var path = location.pathname + location.search;
    if (path === last) return;
    var body = JSON.stringify({
      path: path,
      event_id: id(),
      ts: Date.now(),
      title: document.title,
      referrer: last ? location.origin + last : document.referrer,
      session: session(),
      viewport: innerWidth + "x" + innerHeight
    });
    last = path;
    // A text would come with a charset.
    body = new Blob([body], { type: "text/plain" });
    if (!(navigator.sendBeacon && navigator.sendBeacon(url, body)))
      fetch(url, { method: "POST", body: body, keepalive: true, mode: "no-cors" });
  }
  var push = history.pushState;
  history.pushState = function () {
    push.apply(this, arguments);
    setTimeout(view);
  };
  addEventListener("popstate", view);
  view();
})();
