"""Every reply's shape, once: what HTTP answers, what `--json` prints, and what the OpenAPI document says."""
