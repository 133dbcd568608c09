"""Settings: the file, the environment on top, and located complaints about either."""

from pathlib import Path

import pytest

from foundation.document import load
from foundation.errors import ConfigurationError
from foundation.references import resolve
from foundation.settings import Settings, load_settings


def estate_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "voeg.yaml").write_text(text)
    return tmp_path


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings()


def test_the_settings_that_init_writes_are_the_defaults() -> None:
    assert load_settings(Path(__file__).parent.parent / "sync" / "templates") == Settings()


def test_init_writes_every_setting() -> None:
    written = load(Path(__file__).parent.parent / "sync" / "templates" / "conf" / "voeg.yaml").data
    told = Settings().model_dump(mode="json")
    assert {name: written[name].keys() for name in written} == {name: told[name].keys() for name in told}
    assert written["identity"]["generic"].keys() == told["identity"]["generic"].keys()


@pytest.mark.parametrize("name", ["voeg.yaml", "survivorship.yaml"])
def test_init_writes_what_the_project_itself_starts_from(name: str) -> None:
    project = Path(__file__).parent.parent
    assert (project / "sync" / "templates" / "conf" / name).read_bytes() == (project / "conf" / name).read_bytes()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estate = estate_with(tmp_path, "store: {url: 'sqlite:///a.db'}\nphone: {region: BE}\n")
    monkeypatch.setenv("VOEG_STORE__URL", "sqlite:///b.db")
    settings = load_settings(estate)
    assert (settings.store.url, settings.phone.region) == ("sqlite:///b.db", "BE")


def test_what_is_wrong_is_said_with_its_line_or_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    estate = estate_with(tmp_path, "broker:\n  windw: 3\nphon: {}\n")
    monkeypatch.setenv("VOEG_API__PORT", "many")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(estate)
    file = estate / "conf" / "voeg.yaml"
    assert sorted(str(problem) for problem in caught.value.problems) == sorted(
        [
            f"{file}:2:3 broker.windw: unknown key 'windw'; did you mean 'window'?",
            f"{file}:3:1 phon: unknown key 'phon'; did you mean 'phone'?",
            "environment variable VOEG_API__PORT: api.port: Input should be a valid integer, "
            "unable to parse string as an integer",
        ]
    )


def test_a_bad_value_is_never_shown(tmp_path: Path) -> None:
    estate = estate_with(tmp_path, "api:\n  keys:\n    - {name: desk, sha256: a-plain-secret}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(estate)
    assert "a-plain-secret" not in str(caught.value)


def test_secrets_come_from_the_environment_or_a_file_and_stay_hidden(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    url = resolve("postgresql://voeg:${PW}@db:${PORT:-5432}/voeg", base=tmp_path, env={"PW": "s3cret"})
    assert url.get_secret_value() == "postgresql://voeg:s3cret@db:5432/voeg"
    assert resolve("file:password", base=tmp_path).get_secret_value() == "s3cret"
    assert "s3cret" not in repr(url)


def test_a_secret_that_is_not_there_is_named_without_its_neighbours(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve("amqp://voeg:plain@${BROKER_HOST}/", base=tmp_path, env={})
    assert str(caught.value) == "environment variable BROKER_HOST is not set; set BROKER_HOST and run again"
    with pytest.raises(ConfigurationError, match="cannot read the secret file"):
        resolve("file:none", base=tmp_path)


def test_a_variable_that_sets_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOEG_STOER__URL", "sqlite:///b.db")
    monkeypatch.setenv("VOEG_LANDSCAPE_PASSWORD", "a name of somebody else's")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path)
    assert str(caught.value) == "environment variable VOEG_STOER__URL sets nothing; did you mean 'VOEG_STORE__URL'?"
