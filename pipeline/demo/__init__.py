"""The demo: a small company's traffic, made up, so that `tailrace demo` has something to show."""
