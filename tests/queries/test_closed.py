"""Log readers may be attackers: a query reads our tables and does nothing else."""

import re

import duckdb
import pytest

from pipeline.errors import QueryFailed
from pipeline.queries import run
from pipeline.queries.dialect.bridge import to_duckdb
from pipeline.queries.engines.closed import opened
from tests.queries.homes import moment

NOW = moment("2026-11-25T15:00")


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET threads = 1",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO vpc_flow SELECT * FROM vpc_flow",
        "DELETE FROM vpc_flow",
        "DROP VIEW vpc_flow",
        "EXPLAIN SELECT 1",
        "DESCRIBE vpc_flow",
        "SHOW TABLES",
        "CALL pragma_version()",
        "FROM vpc_flow",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP VIEW vpc_flow",
        "WITH x AS (INSERT INTO vpc_flow SELECT 1) SELECT 1",
        "SELECT * INTO x FROM vpc_flow",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM \"read_csv\"('/etc/passwd')",
        "SELECT read_text('/etc/passwd')",
        "WITH read_csv(x) AS (SELECT 1) SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        'SELECT * FROM "x.csv", (WITH "x.csv" AS (SELECT 1 AS a) SELECT * FROM "x.csv") AS t',
        "SELECT * FROM TABLE(glob('/*'))",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM sqlite_master",
        "SELECT current_user",
        "SELECT getenv('HOME')",
        "SELECT query('SELECT 1')",
        "SELECT 'a\\', read_text('/etc/passwd') --'",
        "SELECT * FROM vpc_flow FOR UPDATE",
        "SELECT /*+ hint */ nextval('x')",
        "SELECT 1\0",
        "SELECT '\udc80'",
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    ],
)
def test_everything_but_a_select_over_our_tables_is_refused(sql, home):
    with pytest.raises(QueryFailed):
        run(sql=sql, home=home, now=NOW)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM '/etc/hostname'",
        "COPY (SELECT 1) TO '{}/x.csv'",
        "ATTACH '{}/x.db'",
        "SET enable_external_access = true",
        "SET memory_limit = '1TB'",
        "SELECT * FROM NOW",
    ],
)
def test_the_engine_is_closed_even_without_the_dialect(sql, home, tmp_path):
    with opened(home / "lake", [], {}, "SELECT 1", "here") as engine, pytest.raises(duckdb.Error):
        engine.execute(sql.format(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{}' (use_tmp_file false)",
        "SELECT 1; COPY (SELECT 1) TO '{}' (use_tmp_file false)",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{}' (use_tmp_file false)",
        "PREPARE x AS COPY (SELECT 1) TO '{}' (use_tmp_file false)",
        "ATTACH '{}.db'",
        "SELECT 1; SELECT 2",
        "CREATE TABLE x AS SELECT 1",
        "",
    ],
)
def test_the_engine_is_opened_for_one_select_only(sql, home):
    lake = home / "lake"
    before = {path: path.read_bytes() for path in lake.rglob("*.parquet")}
    asked = sql.format(next(iter(before)))
    with (
        pytest.raises(QueryFailed, match="only one SELECT can be asked") as caught,
        opened(lake, [], {}, asked, "in a test") as engine,
    ):
        engine.execute(asked)
    assert caught.value.where == "in a test"
    assert {path: path.read_bytes() for path in lake.rglob("*.parquet")} == before


def test_what_the_engine_spills_is_bounded(home):
    with opened(home / "lake", [], {}, "SELECT 1", "in a test") as engine:
        setting = "select current_setting('max_temp_directory_size')"
        ((most,),) = engine.execute(setting).fetchall()
    assert re.fullmatch(r"[0-9.]+ [KMGT]iB", most)


def test_comments_do_not_reach_the_engine():
    assert to_duckdb("SELECT 1 AS a -- */ ; DROP VIEW vpc_flow\n /* x */") == 'SELECT\n  1 AS "a"'


def test_a_quoted_name_is_folded_like_any_other(home):
    answer = run(
        sql='SELECT count(*) FROM "VPC_FLOW" WHERE "ACTION" = \'REJECT\'', home=home, now=NOW
    )
    assert answer.rows() == [[5]]
