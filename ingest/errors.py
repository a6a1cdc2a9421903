"""The one exception tree of the product.

ObservatoryError                  anything we refuse, with a remedy in the message
├── ConfigError                   a setting is missing, unknown or wrong            → exit code 2
├── SourceError                   one source could not be read; the others go on    → exit code 3
│   ├── SourceUnavailable         the place is not there or does not answer
│   │   └── ApiError              an API refused a request, or its answer is of no use
│   └── SourceConfigError         the source's own settings do not fit
├── FileRejected                  one file could not be read; kept as a rejected row
├── LandingError                  landing broke one of its own promises             → exit code 1
├── LockHeld                      another night is running                          → exit code 1
├── BuildFailed                   a model could not be built                        → exit code 1
├── AuditFailed                   a test of the marts failed; nothing is published  → exit code 1
└── SnapshotMissing               nothing has been published yet                    → exit code 1

A message says which source, which file or setting, and what to do next. It never holds a secret.
"""


class ObservatoryError(Exception):
    """Anything the observatory refuses; the message names the thing and the remedy."""


class ConfigError(ObservatoryError):
    """A setting is missing, unknown or wrong."""


class SourceError(ObservatoryError):
    """A source could not be read. The night goes on with the others."""


class SourceUnavailable(SourceError):
    """The place a source reads from is not there or does not answer."""


class ApiError(SourceUnavailable):
    """An API refused a request, or its answer is of no use.

    `status` is the HTTP status of a refusal; `ends_asking`: further requests would end the same.
    """

    def __init__(self, message: str, status: int | None = None, ends_asking: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.ends_asking = ends_asking


class SourceConfigError(SourceError):
    """A source's own settings do not fit together."""


class FileRejected(ObservatoryError):
    """One file cannot be read at all.

    `reason` is a stable snake_case code, `detail` a sentence for a person with the remedy.
    """

    def __init__(self, source_file: str, reason: str, detail: str) -> None:
        super().__init__(f"{source_file}: {detail}")
        self.source_file = source_file
        self.reason = reason
        self.detail = detail


class LandingError(ObservatoryError):
    """Landing broke one of its own promises; nothing of the delivery was kept."""


class LockHeld(ObservatoryError):
    """Another process holds the refresh lock."""


class BuildFailed(ObservatoryError):
    """A model could not be built."""


class AuditFailed(ObservatoryError):
    """A test of the marts failed, so nothing was published."""

    def __init__(self, failed_tests: list[str], message: str) -> None:
        super().__init__(message)
        self.failed_tests = failed_tests


class SnapshotMissing(ObservatoryError):
    """Nothing has been published where a snapshot was expected."""
