// ES5 syntax only: a browser that is too old must be able to parse this and then do nothing.
(function (window, config) {
  try {
    var candor = window.candor;
    // Anything else under this name is an element of the host page that happens to have it as its id.
    if (typeof candor !== "function") {
      candor = window.candor = function () {
        (candor.q = candor.q || []).push(arguments);
      };
    }
    // A named element can shadow document.createElement or document.head, but not what their prototype holds.
    var prototype = Document.prototype;
    // What has both of these has all else that the core needs, its syntax included.
    if (candor.boot || !window.structuredClone || !("adoptedStyleSheets" in prototype)) return;
    candor.boot = config;

    var script = prototype.createElement.call(document, "script");
    try {
      script.src = trustedTypes.createPolicy("candor", { createScriptURL: String }).createScriptURL(config.core);
    } catch (e) {
      // No Trusted Types here, or not for us: then the plain address works, or is refused.
      script.src = config.core;
    }
    prototype.querySelector.call(document, "*").appendChild(script);
  } catch (e) {
    // The host page never learns of our troubles.
  }
})(window, "__CANDOR_CONFIG__");
