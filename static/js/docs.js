(() => {
  "use strict";

  const page = document.getElementById("docs");
  SwaggerUIBundle({
    domNode: page,
    url: page.dataset.specification,
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    validatorUrl: null,
  });
})();
