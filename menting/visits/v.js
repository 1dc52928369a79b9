(function (d, n) {
  var s = d.currentScript;
  if (!s) return;
  var a = s.dataset, u = new URL("v", s.src).href;
  function go() {
    var b = JSON.stringify({
      space: a.space,
      path: location.pathname,
      referrer: d.referrer.split("/", 3).join("/"),
      id: Date.now().toString(36) + Math.random().toString(36).slice(2),
      stamp: a.stamp || "",
      who: a.who || ""
    });
    function later() { if (n.sendBeacon) n.sendBeacon(u, b); }
    if (!window.fetch) return later();
    fetch(u, {method: "POST", body: b, keepalive: true, credentials: "omit"}).catch(later);
  }
  if (d.prerendering) d.addEventListener("prerenderingchange", go, {once: true});
  else go();
})(document, navigator);
