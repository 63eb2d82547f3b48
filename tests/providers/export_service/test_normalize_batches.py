"""Every answer is a batch of its own, and its rejected values say where they come from."""

import gc

from domain.measurement import concat
from providers.export_service.account import AccountConfig
from providers.export_service.normalize import normalize
from tests.providers.export_service.harness import DAY, NOON, PLAIN, meant, payload, rejected


def test_an_empty_answer_is_an_empty_batch() -> None:
    batch = meant([])
    assert batch.n_received == 0
    assert len(batch.rejected) == 0


def test_every_page_is_a_batch_of_its_own() -> None:
    pages = [payload([{"timestamp": NOON + n, "P_W": n}], page=n) for n in (1, 2, 3)]
    batches = list(normalize(iter(pages), DAY, PLAIN))
    assert [len(batch.measurements) for batch in batches] == [1, 1, 1]
    assert len(concat(batches).series) == 1


def test_a_rejected_value_names_the_answer_it_came_in() -> None:
    sent = payload([{"timestamp": NOON, "P_W": "x"}])
    (batch,) = normalize([sent], DAY, PLAIN)
    assert list(batch.rejected["payload"]) == [sent.sha256]


def test_a_rejected_document_of_megabytes_is_kept_in_part() -> None:
    ((_, raw),) = rejected([{"timestamp": NOON, "P_W": "x" * 1_000_000}])
    assert len(raw) < 5_000


def test_a_series_stands_where_the_account_says() -> None:
    (series,) = meant([{"timestamp": NOON, "P_W": 1}], AccountConfig("hub", site="Ingolstadt")).series
    assert series.site == "Ingolstadt"


def test_an_answer_that_has_been_read_waits_for_nobody_who_collects_circles() -> None:
    """A day has hundreds of them: what each leaves behind would be as much memory again as its points."""
    gc.collect()
    gc.disable()
    try:
        for page in range(1, 6):
            rows = [{"timestamp": NOON + n, "P_kW": n, "T_degC": "odd"} for n in range(50)]
            for batch in normalize([payload(rows, page=page)], DAY, PLAIN):
                assert len(batch.rejected) == 50
        # As a text: a few kinds of others say their module by something else.
        left = [one for one in gc.get_objects() if str(type(one).__module__).startswith("providers.export_service")]
        kinds = {type(one).__name__ for one in left}
    finally:
        gc.enable()
    assert not kinds & {"_Page", "Quarantine", "_Rows", "Table"}
