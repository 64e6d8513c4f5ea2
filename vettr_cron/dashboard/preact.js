// The one place that names the version of Preact and htm. htm escapes every value, so no text becomes markup.
export * from "./vendor/htm-preact-3.1.1.js";
