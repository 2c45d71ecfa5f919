"""What tests plant in a host page, to look inside the widget and to notice what its owner could."""

# The root is closed to host pages; the tests look inside.
OPEN_ROOTS = """
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function () { return attach.call(this, {mode: "open"}) };
"""

# What a host page's owner could notice: errors, broken promises, policy violations, layout shifts.
WATCH = """
  window.noticed = []; window.shift = 0;
  addEventListener("error", (e) => noticed.push("error " + e.message));
  addEventListener("unhandledrejection", (e) => noticed.push("rejection " + e.reason));
  addEventListener("securitypolicyviolation", (e) => noticed.push("csp " + e.violatedDirective + " " + e.blockedURI));
  new PerformanceObserver((list) => list.getEntries().forEach((e) => { shift += e.value }))
    .observe({type: "layout-shift", buffered: true});
"""
