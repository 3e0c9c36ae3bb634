"""One third-party library a file; each fulfils a Protocol of `simvoice.ports`."""
