// Without a validator's URL the viewer would send the document's address to a stranger's server.
SwaggerUIBundle({
  url: document.getElementById("viewer").dataset.document,
  dom_id: "#viewer",
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
});
