// The page inside the builder's frames: what the loader does on a site, with a draft's configuration and
// the widget's build for previews.
(() => {
  "use strict";
  const { config, widget } = document.documentElement.dataset;
  const candor = (window.candor = function () {
    (candor.q = candor.q || []).push(arguments);
  });
  candor.boot = JSON.parse(config);
  document.head.append(Object.assign(document.createElement("script"), { src: widget }));
})();
