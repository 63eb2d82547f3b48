"""SQL lies in files of named blocks; what a step of the schema has run is history."""

from hashlib import sha256
from pathlib import Path

import pytest

import warehouse
from warehouse.statements import parse, script, statement

ROOT = Path(str(warehouse.__path__[0]))
STEPS = ROOT / "migrations" / "versions"
FROZEN = {
    "step_0029": "89a1ab4241085baf3c587e4d55907922e0bd6ee5207c0296c442257c037398ef",
    "step_0026": "2fb441c3490637d96076a6836fd80fef9ec3b0752d1f8e57f428c03605b03413",
    "step_0027": "0f1ea9a9ada83abeed5bbe0dc28128e1147b2a0b5480fa4374aabc552ce6d512",
    "step_0028": "c446f2db28282aace8be247f88abb743ec2a19b7f5eeaba8685603459a80e34c",
    "step_0025": "8c5fed319d7d8f7bf6a33cc08bf3963ed8e930830f68c2076bbcec0782e41255",
    "step_0024": "c0d003ea140138201f1a05442fd87e7c4351061200071ecef2cf8dfe0c0b64a4",
    "step_0001": "1c60978c7de9be6614460c4f803342a78c72197f574d8f5fb1c768a93db8f723",
    "step_0002": "c26cf8947f834085c1c6561739a9525fcf7d77183ec24ad13abbb3d3458da05d",
    "step_0003": "886712ae546f54ef89efcc93391dc06e0c0dc30f60dd533769c70a5d82df0489",
    "step_0004": "538f0442041da83fffa74da569c167ac29b98c1034834eaeb8c12756b1d67d13",
    "step_0005": "15053cf911bdba8d1e46ad19258dfe7873a0654633c5d919e9aede812a184a40",
    "step_0008": "03fcfe09cc588daab110fd096c2d0674ff797e31b2e08c26b4bbe3de7e38df3e",
    "step_0010": "2307199a69c4e5e9172a7932fffd6579faeafefb56da7b83e840bfba1ba65797",
    "step_0011": "4c7738cda0f45fd7e664a28a4010d0e3c0975f58fa52dd4b7d140085d6175bd4",
    "step_0013": "08b8d2db54118a8316a8102de7108cd6f4299d734aed5e71d037784d2d476c46",
    "step_0014": "a7abfc98ced187a10d41b3fb535a30a4e33b89594a5fd696a49ee1d915967885",
    "step_0016": "b88988d4b8d885d2ae92510748b8ef31342407b7bf3ba91eeb54f11db4072254",
    "step_0017": "8f4b69b8441cfd0c9642e0e0ed2bebd6a4095969a10da5e7a767740ae9df7322",
    "step_0023": "3e55adac5a4be918fa9d78f7c2d42d0895f26239719a45cddcde72e46948d22b",
    "step_0022": "40ec2daac4a3344a3315bf38ecaf024b01a9a2c7550b8cf8f93de416b17617a9",
    "step_0021": "467271aaac4f05fb3aaa385da4ba32c3808adae7b5a4c434b83df4c483132494",
    "step_0020": "7e07b7ce87196906073a6c6ef476da5253baa71c556439dd7a09f829cbb1c056",
    "step_0019": "f1a26042b2bd3203e663599200016d9cf671406700c6afba73a4057d0261ac34",
    "step_0018": "3a22c8247403fd93953d5fa65854c0c0fe355816a90bcf2f130d6aa47304be52",
}


def test_a_file_is_read_as_named_blocks_without_their_comments() -> None:
    text = (
        "-- table: what it is\n\n-- name: first\n-- Why.\nSELECT 1\n  -- here\nFROM a;\n\n-- name: second\nTABLE b;\n"
    )

    assert parse("table", text) == {"table/first": "SELECT 1\nFROM a;", "table/second": "TABLE b;"}


@pytest.mark.parametrize(
    "text",
    [
        "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;",
        "SELECT 1;",
        "-- name:\nSELECT 1;",
        "-- name: two words\nSELECT 1;",
        "-- name: a\n-- nothing but comments",
        "-- name: a\nSELECT 1;\n  --name:b\nSELECT 2;",
    ],
)
def test_a_block_that_is_empty_or_has_no_name_of_its_own_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"a block of table\.sql is empty, has no name or that of another \(table/"):
        parse("table", text)


def test_a_statement_that_is_nowhere_is_named() -> None:
    with pytest.raises(LookupError, match="no SQL file of the warehouse has a block pull/beginn: correct the name"):
        statement("pull/beginn")


def test_a_statement_is_found_by_file_and_name_in_both_folders() -> None:
    assert script("register/lock").startswith("SELECT pg_advisory_xact_lock(")
    assert script("step_0008/interval_energy").startswith("CREATE OR REPLACE VIEW interval_energy AS")


def test_every_sql_file_and_every_statement_says_what_it_is_for() -> None:
    paths = [*(ROOT / "sql").iterdir(), *STEPS.glob("*.sql")]
    silent = []
    for path in paths:
        head, *blocks = path.read_text().split("-- name: ")
        silent += [path.name] if not head.startswith("-- ") else []
        silent += [
            f"{path.name}: {block.split()[0]}" for block in blocks if not block.splitlines()[1].startswith("-- ")
        ]

    assert silent == []
    assert len(paths) > 15


def test_what_a_step_has_run_is_never_edited() -> None:
    found = {path.stem: sha256(path.read_bytes()).hexdigest() for path in STEPS.glob("*.sql")}

    changed = sorted(name for name in FROZEN if found.get(name) != FROZEN[name])
    assert not changed, f"{changed} have run in other warehouses: restore them, and write a new step with the change"
    new = sorted(found.keys() - FROZEN.keys())
    assert not new, f"{new} are new: give them their checksum in FROZEN, which keeps them as they are from now on"
