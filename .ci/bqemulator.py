"""What the BigQuery emulator loads when it starts; in place of a download then."""

from duckdb_extensions import import_extension

import_extension("spatial")
