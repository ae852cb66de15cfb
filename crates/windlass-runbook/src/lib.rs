//! YAML runbooks to plans, with diagnostics that carry spans.
