"""Settings: where a value comes from, and what happens to a wrong one."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.settings import Limits, Prices, Settings, described, load, of_function


def written(folder: Path, text: str) -> Path:
    path = folder / "tailrace.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environ={}) == Settings()


def test_the_limits_are_the_promised_ones() -> None:
    limits = Limits()
    assert limits.record_bytes == 67_108_864
    assert limits.inflate_ratio == 200
    assert limits.ratio_from_bytes == 4_194_304
    assert limits.line_bytes == 1_048_576
    assert limits.kept_file_bytes == 67_108_864
    assert limits.sink_patience_s == 30
    assert (limits.attempts, limits.fatal_attempts, limits.age_hours) == (5, 5, 6)


def test_the_file_of_the_current_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, 'home = "state"\n[limits]\nline_bytes = 9\n')
    monkeypatch.chdir(tmp_path)
    settings = load(environ={})
    assert (settings.home_path, settings.limits.line_bytes) == (Path("state"), 9)
    assert settings.origins == {"home": "tailrace.toml", "limits.line_bytes": "tailrace.toml"}


def test_flags_win_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, 'home = "a"\n[limits]\nline_bytes = 1\nslice_bytes = 1\n')
    environ = {"TAILRACE_HOME": "b", "TAILRACE_LIMITS_LINE_BYTES": "2", "PATH": "/bin"}
    settings = load(path, Path("c"), environ)
    assert (settings.home, settings.limits) == ("c", Limits(line_bytes=2, slice_bytes=1))
    assert settings.origins == {
        "home": "--home",
        "limits.line_bytes": "TAILRACE_LIMITS_LINE_BYTES",
        "limits.slice_bytes": str(path),
    }
    assert load(path, None, environ).home == "b"


def test_prices_are_numbers_and_the_others_stay(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "[prices]\nnat = 1\ncross_az = 0.02\n"), environ={})
    assert settings.prices == Prices(nat=1.0, cross_az=0.02)
    assert settings.origins == {
        "prices.nat": str(tmp_path / "tailrace.toml"),
        "prices.cross_az": str(tmp_path / "tailrace.toml"),
    }


def test_formats_are_one_text_or_several_by_log_group(tmp_path: Path) -> None:
    path = written(tmp_path, '[formats]\n"a" = "srcaddr end"\n"b:eni-1" = ["end", "start end"]\n')
    assert load(path, environ={}).declared_formats() == {
        "a": ("srcaddr end",),
        "b:eni-1": ("end", "start end"),
    }


def test_the_networks_file_is_meant_from_the_settings_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[networks]\nfile = "networks.csv"\n')
    assert load(path, environ={}).networks.file == str(tmp_path / "networks.csv")
    path = written(tmp_path, '[networks]\nfile = "/etc/networks.csv"\n')
    assert load(path, environ={}).networks.file == "/etc/networks.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hoem = 1", r"unknown setting hoem\n  in .*tailrace.toml\n  did you mean home\?"),
        (
            "zzz = 1",
            r"unknown setting zzz\n  in .*\n  known: home, target, formats, networks, limits",
        ),
        ("origins = {}", "unknown setting origins"),
        ("[limits]\nline_byte = 1", "unknown field `line_byte`"),
        ("[networks]\nfiles = 'a'", "unknown field `files`"),
        ("[limits]\nline_bytes = 0", "a setting is wrong: .*limits.line_bytes"),
        ("[limits]\nline_bytes = '9'", "a setting is wrong: .*limits.line_bytes"),
        ("[limits]\nline_bytes = true", "a setting is wrong: .*limits.line_bytes"),
        ("home = 7", "a setting is wrong: .*home"),
        ("[formats]\na = 7", "a setting is wrong: .*formats"),
        ("home = ", "the settings file cannot be read"),
        ("home = 'a'\nhome = 'b'", "the settings file cannot be read"),
        ("limits = 7", "a setting is wrong: .*limits"),
        ("networks = 'networks.csv'", "a setting is wrong: .*networks"),
        ("[networks]\nfile = 7", "a setting is wrong: .*networks.file"),
        ("prices = 7", "a setting is wrong: prices is a table"),
        ("[prices]\nnta = 1", "unknown field `nta`"),
        ("[prices]\nnat = '1'", "a setting is wrong: prices.nat = '1', expected `float`"),
        ("[prices]\nnat = -0.1", "a setting is wrong: prices.nat = -0.1, expected `float` >= 0"),
        ("[prices]\nnat = inf", "a setting is wrong: prices.nat = inf, expected `float` <= 1000"),
        ("[prices]\nnat = nan", "a setting is wrong: prices.nat = nan"),
    ],
)
def test_a_wrong_file_is_a_usage_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(written(tmp_path, text), environ={})


def test_a_named_file_must_be_there_and_be_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the settings file cannot be read"):
        load(tmp_path / "tailrace.toml", environ={})
    (tmp_path / "tailrace.toml").write_bytes(b"home = '\xff'")
    with pytest.raises(UsageError, match="the settings file cannot be read"):
        load(tmp_path / "tailrace.toml", environ={})


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("TAILRACE_HOEM", "x", r"unknown setting TAILRACE_HOEM\n.*\n  did you mean TAILRACE_HOME"),
        ("TAILRACE_LIMITS_LINES", "1", "unknown setting TAILRACE_LIMITS_LINES"),
        ("TAILRACE_FORMATS", "x", "TAILRACE_FORMATS is no JSON"),
        ("TAILRACE_LIMITS_LINE_BYTES", "1k", "TAILRACE_LIMITS_LINE_BYTES is not a whole number"),
        ("TAILRACE_LIMITS_LINE_BYTES", "0", "a setting is wrong: .*limits.line_bytes"),
    ],
)
def test_a_wrong_variable_is_a_usage_error(
    tmp_path: Path, variable: str, text: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load(written(tmp_path, ""), environ={variable: text})


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("TAILRACE_SOURCES", '{"/a": "waf", "/b": 7}', "sources = {'/b': 7}, expected `str`"),
        ("TAILRACE_SOURCES", "[]", r"sources = \[\], expected `object`"),
        ("TAILRACE_FORMATS", '{"/a": ["end", 7]}', r"formats = {'/a': \['end', 7\]}, expected"),
        ("TAILRACE_OWN_LOG_GROUPS", "[7]", r"own_log_groups = \[7\], expected `str`"),
        ("TAILRACE_OWN_LOG_GROUPS", '["/a", ""]', r"own_log_groups = .*, expected .* length >= 1"),
        ("TAILRACE_DELIVERY_MODE", "sqs", "delivery.mode = 'sqs', invalid enum value"),
    ],
)
def test_a_wrong_value_in_the_environment_is_blamed_on_its_variable(
    tmp_path: Path, variable: str, text: str, said: str
) -> None:
    for read in (of_function, partial(load, written(tmp_path, ""), None)):
        with pytest.raises(UsageError, match=said) as caught:
            read({variable: text})
        assert caught.value.where == f"in the environment: {variable}"


def test_a_wrong_value_among_names_of_the_user_is_shown(tmp_path: Path) -> None:
    path = written(tmp_path, 'own_log_groups = ["/a"]\n[sources]\na = "waf"\nb = 7')
    with pytest.raises(UsageError, match=r"sources = {'b': 7}, .*\n  in .*tailrace.toml"):
        load(path, environ={})


def test_no_log_group_of_our_own_is_a_beginning_of_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"own_log_groups = .*length >= 1"):
        load(written(tmp_path, 'own_log_groups = [""]'), environ={})


def test_a_limit_in_the_environment_meets_a_limits_table_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="limits"):
        load(written(tmp_path, "limits = 7"), environ={"TAILRACE_LIMITS_LINE_BYTES": "9"})


@pytest.mark.parametrize(
    ("limit", "most"),
    [
        ("line_bytes", 1 << 40),
        ("retention_bytes", 1 << 40),
        ("retention_hours", 87_600),
        ("age_hours", 87_600),
        ("flush_seconds", 86_400),
        ("compact_seconds", 86_400),
        ("sink_patience_s", 86_400),
        ("attempts", 1_000_000),
        ("batch_records", 1_000_000),
        ("shards", 256),
    ],
)
def test_a_limit_has_a_most_that_is_told(tmp_path: Path, limit: str, most: int) -> None:
    variable = f"TAILRACE_LIMITS_{limit.upper()}"
    assert getattr(load(environ={variable: str(most)}).limits, limit) == most
    for number in (most + 1, 10**15):
        told = f"a setting is wrong: limits.{limit} = {number}, expected `int` <= {most}"
        with pytest.raises(UsageError, match=f"{told}\n  in the environment: {variable}\n"):
            load(environ={variable: str(number)})
        path = written(tmp_path, f"[limits]\n{limit} = {number}\n")
        with pytest.raises(UsageError, match=f"{told}\n  in {path}\n"):
            load(path, environ={})


def test_every_limit_has_a_most() -> None:
    told = {name: doc for name, doc, _ in described() if name.startswith("limits.")}
    assert [name for name, doc in told.items() if " At most " not in doc] == []


@pytest.mark.parametrize("number", [2**63, 10**30, "9" * 5_000])
def test_a_number_without_measure_is_a_usage_error(tmp_path: Path, number: int | str) -> None:
    with pytest.raises(UsageError):
        load(environ={"TAILRACE_LIMITS_LINE_BYTES": str(number)})
    with pytest.raises(UsageError):
        load(written(tmp_path, f"[limits]\nline_bytes = {number}\n"), environ={})


@pytest.mark.parametrize("text", ["1_000", "\u0665", " 5 ", "+5", "5\n", "0x5", ""])
def test_a_variable_is_a_number_in_plain_digits(text: str) -> None:
    with pytest.raises(UsageError, match="TAILRACE_LIMITS_LINE_BYTES is not a whole number"):
        load(environ={"TAILRACE_LIMITS_LINE_BYTES": text})


@pytest.mark.parametrize("named", [True, False])
def test_a_settings_file_that_is_none_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("tailrace.toml")
    with pytest.raises(UsageError, match="the settings file is no regular file\n  in tailrace"):
        load(Path("tailrace.toml") if named else None, environ={})


@pytest.mark.parametrize("depth", [300, 100_000])
def test_a_file_nested_deep_is_a_usage_error(tmp_path: Path, depth: int) -> None:
    with pytest.raises(UsageError):
        load(written(tmp_path, f"[formats]\na = {'[' * depth}{']' * depth}\n"), environ={})


def test_an_empty_home_counts_as_unset() -> None:
    settings = load(environ={"TAILRACE_HOME": ""})
    assert (settings.home, settings.origins) == (".tailrace", {})


def test_every_setting_is_described_with_its_default() -> None:
    names = [name for name, _, _ in described()]
    assert names[0] == "home"
    assert "limits.record_bytes" in names
    assert "networks.file" in names
    assert "origins" not in names
    assert all(doc.endswith((".", ")")) for _, doc, _ in described())
    assert len(set(names)) == len(names)


FIRST_USE = """
import sys
from threading import Barrier, Thread
from pipeline.settings import load

sys.setswitchinterval(1e-6)
begin = Barrier(16)

def one():
    begin.wait()
    load(environ={})

threads = [Thread(target=one) for _ in range(16)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


@pytest.mark.parametrize("turn", range(3))
def test_several_threads_may_load_them_first(tmp_path: Path, turn: int) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_USE], cwd=tmp_path, timeout=60)
    assert done.returncode == 0
