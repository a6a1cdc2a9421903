"""One script per page: read filters, call queries, draw."""
