"""Doctor looks whether the files of credentials that sources name can be read."""

from datetime import UTC, datetime
from pathlib import Path

from observatory.checks import doctor
from observatory.settings import load_settings


def test_doctor_finds_a_key_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "here.json").write_text("{}")
    (tmp_path / "observatory.toml").write_text(
        '[sources.gcp_billing]\ntable = "p1.billing.export"\n'
        '[sources.gcp_billing.good]\ncredentials_file = "here.json"\n'
        '[sources.gcp_billing.bad]\ncredentials_file = "gone.json"\n'
        "[sources.gcp_billing.without]\n"
    )
    settings = load_settings(tmp_path / "observatory.toml")
    checks = {check.name: check for check in doctor(settings, datetime(2026, 11, 24, tzinfo=UTC))}
    assert checks["sources.gcp_billing.good.credentials_file"].status == "ok"
    assert checks["sources.gcp_billing.bad.credentials_file"].status == "failed"
    assert "gone.json" in checks["sources.gcp_billing.bad.credentials_file"].detail
    assert "sources.gcp_billing.without.credentials_file" not in checks
