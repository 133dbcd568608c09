"""Explaining the customers of a real store: what is told is what resolving decided, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from estates import EstateFolder, decide, frame
from households import COLUMNS, CRM, HOME, SASKIA, SHOP, deliver, entity
from sqlalchemy import select

from foundation.errors import NotFound, VoegError
from identity.model import packaged_prior
from store import tables
from sync import explained
from sync.customer import Gone
from sync.explain import Explainer
from sync.rehearse import rehearse
from sync.resolve import model_in_use


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EstateFolder]:
    """An estate that is resolved: with a family of namesakes, a contradicted id, a baker and his bakery."""
    estate = EstateFolder(tmp_path_factory.mktemp("explain"))
    deliver(estate)
    estate.run()
    yield estate
    estate.close()


@pytest.fixture
def explainer(folder: EstateFolder) -> Explainer:
    return explainer_of(folder)


def explainer_of(folder: EstateFolder) -> Explainer:
    model, _ = model_in_use(folder.store, folder.here.settings.identity, folder.here.duplicate_free)
    return Explainer(folder.store, model)


# Why ------------------------------------------------------------------------------------------------------------


def test_every_pair_that_matching_keeps_is_told_with_its_weight(folder: EstateFolder, explainer: Explainer) -> None:
    names = {
        number: f"{source}/{key}"
        for number, source, key in frame(
            folder.store,
            select(tables.source_record.c.record_no, tables.source.c.name, tables.source_record.c.record_id).join(
                tables.source, tables.source.c.source_no == tables.source_record.c.source_no
            ),
        ).iter_rows()
    }
    edges = frame(folder.store, select(tables.edge))
    assert edges.height > 5
    for a, b, weight, veto in edges.select("a", "b", "weight", "veto").iter_rows():
        found = explainer.why(names[a], names[b])
        assert found.strongest is not None
        assert (found.strongest.weighing.weight, bool(found.strongest.weighing.vetoes)) == (weight, veto)


def test_two_records_of_one_customer(folder: EstateFolder, explainer: Explainer) -> None:
    found = explainer.why("crm/saskia", "shop/saskia/2")
    assert found.together and found.verdict == "links" and len(found.pairs) == 1
    assert found.a.entity_id == found.b.entity_id and not found.notes
    whole = explainer.why("crm/saskia", entity(folder, "crm/saskia"))
    assert [str(record) for record in whole.b.records] == ["shop/saskia/2"]


def test_two_customers_are_weighed_by_all_pairs_of_their_records(folder: EstateFolder, explainer: Explainer) -> None:
    found = explainer.why(entity(folder, "crm/father"), entity(folder, "crm/son"))
    assert not found.together
    assert len(found.pairs) == len(found.a.records) * len(found.b.records) > 2
    weights = [pair.weighing.weight for pair in found.pairs]
    assert weights == sorted(weights, reverse=True)
    assert found.between is not None and found.between < packaged_prior().link_threshold


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        ("crm/nobody", "crm/saskia", "source 'crm' has no live customer record of that key"),
        ("crn/saskia", "crm/saskia", "did you mean 'crm'"),
        ("999", "crm/saskia", "there is no customer 999"),
        ("crm/saskia", "crm/saskia", "both are the same source record"),
    ],
)
def test_what_is_not_there_is_said(explainer: Explainer, a: str, b: str, says: str) -> None:
    with pytest.raises(VoegError, match=says):
        explainer.why(a, b)


def test_one_customer_is_not_weighed_against_itself(folder: EstateFolder, explainer: Explainer) -> None:
    number = entity(folder, "crm/saskia")
    with pytest.raises(VoegError, match="voeg customer how"):
        explainer.why(number, number)


# Why not --------------------------------------------------------------------------------------------------------


def reasons(explainer: Explainer, a: str, b: str) -> list[str]:
    return list(explainer.why_not(a, b).reasons)


def test_father_and_son_contradict_each_other_though_a_record_fits_both(explainer: Explainer) -> None:
    found = explainer.why_not("crm/father", "crm/son")
    assert found.reasons == ("contradiction",)
    assert found.why.strongest is not None and "shop/either" in (str(found.why.strongest.a), str(found.why.strongest.b))
    assert {key.state for key in found.keys} == {"blocks"}
    assert {key.rule for key in found.keys} >= {"phone"}
    assert all(key.records and key.records >= 2 for key in found.keys)


def test_a_source_that_has_everyone_once_rules_it_out(folder: EstateFolder) -> None:
    model, _ = model_in_use(folder.store, folder.here.settings.identity, frozenset({"crm"}))
    found = Explainer(folder.store, model).why_not("crm/father", "crm/son")
    assert found.reasons[0] == "veto" and found.why.between is None
    two = Explainer(folder.store, model).why("crm/father", "crm/son")
    assert two.verdict == "veto"


def test_levels_that_rule_it_out_together_are_named(explainer: Explainer) -> None:
    found = explainer.why_not("crm/one bos", "shop/other bos")
    assert found.reasons[0] == "veto" and found.why.verdict == "veto" and found.why.strongest is not None
    assert any("national id" in veto for veto in found.why.strongest.weighing.vetoes)


def test_a_person_is_never_an_organisation(explainer: Explainer) -> None:
    found = explainer.why_not("crm/baker", "crm/bakery")
    assert found.reasons == ("party_type",)
    assert found.why.strongest is None and found.why.verdict == "party_type"


def test_who_shares_nothing_was_never_compared(explainer: Explainer) -> None:
    found = explainer.why_not("crm/hermit", "crm/saskia")
    assert found.reasons == ("no_common_key", "too_little") and not found.keys
    assert found.why.verdict == "too_little"


def test_nothing_keeps_one_customer_apart(explainer: Explainer) -> None:
    with pytest.raises(VoegError, match="nothing keeps them apart"):
        explainer.why_not("crm/saskia", "shop/saskia/2")


def test_keys_that_do_not_block_are_told_with_the_reason(folder: EstateFolder) -> None:
    model, _ = model_in_use(folder.store, folder.here.settings.identity)
    generic = replace(model, generic={**model.generic, "phones": frozenset({str(HOME["phone"])})})
    found = Explainer(folder.store, generic).why_not("crm/father", "crm/son")
    assert {key.state for key in found.keys if key.rule == "phone"} == {"generic"}
    assert {key.state for key in found.keys if key.rule != "phone"} == {"blocks"}
    hashes = frame(folder.store, select(tables.blocking_key.c.hash))["hash"].to_list()
    common = replace(model, common_keys=frozenset(hashes))
    found = Explainer(folder.store, common).why_not("crm/father", "crm/son")
    assert {key.state for key in found.keys} == {"common"}
    assert "no_common_key" in found.reasons


# How ------------------------------------------------------------------------------------------------------------


def test_how_tells_every_step_and_the_weakest(folder: EstateFolder, explainer: Explainer) -> None:
    number = entity(folder, "crm/father")
    found = explainer.how(number)
    assert len(found.steps) == len(found.records) - 1 == 2
    joined = {*found.steps[-1].one, *found.steps[-1].other}
    assert joined == {*found.records}
    for step in found.steps:
        weights = [explainer.why(str(one), str(other)).pairs[0] for one in step.one for other in step.other]
        assert step.strongest.weighing.weight == max(pair.weighing.weight for pair in weights)
    assert found.weakest is found.falls[0]
    assert found.weakest.above == min(fall.above for fall in found.falls) >= found.link_threshold
    assert {record for part in found.weakest.parts for record in part} == {*found.records}
    [one, other] = found.weakest.parts
    held_by = found.weakest.strongest
    assert (held_by.a in one, held_by.b in one).count(True) == (held_by.a in other, held_by.b in other).count(True) == 1


def test_a_customer_falls_apart_above_what_its_weakest_link_tells(folder: EstateFolder, explainer: Explainer) -> None:
    found = explainer.how(entity(folder, "crm/father"))
    assert found.weakest is not None
    model, _ = model_in_use(folder.store, folder.here.settings.identity)
    for threshold, parts in ((found.weakest.above, 1), (found.weakest.above + 1, 2)):
        at = rehearse(folder.store, model.with_thresholds(link=threshold), samples=99)
        split = [sample.parts for sample in at.splits if sample.entity_id == found.entity_id]
        assert (len(split[0]) if split else 1) == parts
    assert not found.notes


def test_how_of_a_single_record(folder: EstateFolder, explainer: Explainer) -> None:
    found = explainer.how(entity(folder, "crm/hermit"))
    assert (len(found.records), found.steps, found.falls, found.weakest) == (1, (), (), None)


# What may change ------------------------------------------------------------------------------------------------


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[EstateFolder]:
    """An estate of its own, to change."""
    estate = EstateFolder(tmp_path)
    deliver(estate)
    estate.run()
    yield estate
    estate.close()


def test_decisions_are_told_first(changing: EstateFolder) -> None:
    decide(changing.store, "never_link", ("crm", "saskia"), ("shop", "saskia/2"))
    decide(changing.store, "must_link", ("crm", "hermit"), ("crm", "saskia"))
    waits = explainer_of(changing).why("crm/hermit", "crm/saskia")
    assert waits.verdict == "decided_same" and not waits.together and "voeg resolve" in waits.notes[0]
    changing.resolve()
    explainer = explainer_of(changing)
    apart = explainer.why_not("crm/saskia", "shop/saskia/2")
    assert apart.reasons[0] == "decision" and apart.why.verdict == "decided_different"
    [decision] = apart.why.decisions
    assert (decision.kind, decision.author, decision.reason) == ("never_link", "steward", "asked them")
    found = explainer.how(entity(changing, "crm/hermit"))
    assert [step.weight for step in found.steps] == [None] and not found.falls and found.weakest is None
    assert [decision.kind for decision in found.decisions] == ["must_link"]


def test_a_record_that_was_not_resolved_yet_is_explained_from_its_content(changing: EstateFolder) -> None:
    changing.deliver("data/shop.csv", [*SHOP, {"id": "late", **SASKIA}], COLUMNS)
    changing.sync("shop")
    explainer = explainer_of(changing)
    found = explainer.why("shop/late", "crm/saskia")
    assert found.verdict == "links" and not found.together and found.a.entity_id is None
    assert reasons(explainer, "shop/late", "crm/saskia")[0] == "not_resolved"


def test_records_are_told_in_their_own_words(changing: EstateFolder) -> None:
    """What is compared is the name in one spelling; a steward sees what each record says, and why the two are equal."""
    spelt = {**HOME, "type": "person", "given": "Marinus", "born": "1962-12-05"}
    late = {"id": "late", **spelt, "name": "Vrogindewey"}
    changing.deliver("data/crm.csv", [*CRM, {"id": "early", **spelt, "name": "Vroegindeweij"}], COLUMNS)
    changing.deliver("data/shop.csv", [*SHOP, late], COLUMNS)
    changing.run()

    def told(comparison: str) -> tuple[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        strongest = explainer_of(changing).why("crm/early", "shop/late").strongest
        assert strongest is not None
        [step] = [step for step in strongest.weighing.steps if step.comparison == comparison]
        return step.words, step.says

    assert told("family_name") == ("the same but for the spelling", (("Vroegindeweij",), ("Vrogindewey",)))
    assert told("given_name") == ("the same", (("Marinus",), ("Marinus",)))
    assert told("address") == ("the same", (("Dorpsstraat 4, 1234 AB Wijchen",),) * 2)
    assert told("birth_date") == ("the same", (("1962-12-05",),) * 2)
    changing.deliver("data/shop.csv", [*SHOP, {**late, "name": "Wout"}], COLUMNS)
    changing.sync("shop")  # what is kept for matching, and told until the next resolve, is of the name before
    assert told("family_name") == ("the same", (("Vroegindeweij",), ("vrogindewey",)))


def test_another_threshold_than_was_resolved_with_is_noted(folder: EstateFolder) -> None:
    model, _ = model_in_use(folder.store, folder.here.settings.identity)
    explainer = Explainer(folder.store, model.with_thresholds(link=50_000))
    found = explainer.how(entity(folder, "crm/saskia"))
    assert len(found.notes) == 2 and all("voeg resolve" in note for note in found.notes)


def test_who_is_gone_is_gone(changing: EstateFolder) -> None:
    number = entity(changing, "crm/hermit")
    changing.deliver("data/crm.csv", [row for row in CRM if row["id"] != "hermit"], COLUMNS)
    changing.run()
    with pytest.raises(Gone):
        explainer_of(changing).how(number)
    with pytest.raises(NotFound):
        explainer_of(changing).why("crm/hermit", "crm/saskia")


# As documents ---------------------------------------------------------------------------------------------------


def test_documents_hold_no_value_unless_asked(folder: EstateFolder, explainer: Explainer) -> None:
    why = explainer.why("crm/saskia", "shop/saskia/2")
    why_not = explainer.why_not("crm/father", "crm/son")
    how = explainer.how(entity(folder, "crm/father"))
    kept = "".join(
        json.dumps(document)
        for document in (
            explained.why(why, sensitive=False),
            explained.why_not(why_not, sensitive=False),
            explained.how(how, sensitive=False),
        )
    )
    told = json.dumps(explained.why(why, sensitive=True))
    for value in ("terpstra", "smit", "+31612345678", "+31201112233", "19710314", "1234ab", "wijchen"):
        assert f'"{value}' not in kept.lower()
    assert "Terpstra" in told and "terpstra" in told and "+31612345678" in told


def test_the_shape_of_documents_is_kept(folder: EstateFolder, explainer: Explainer) -> None:
    why = explained.why(explainer.why("crm/saskia", "shop/saskia/2"), sensitive=False)
    assert list(why) == [
        *("format", "a", "b", "together", "verdict", "between", "strongest", "pairs", "decisions", "notes"),
    ]
    strongest = why["strongest"]
    assert strongest["weight"] == min(strongest["total"].values())
    for rival, total in strongest["total"].items():
        summed = strongest["prior"][rival] + sum(each["weight"][rival] for each in strongest["evidence"])
        assert summed == pytest.approx(total, abs=1e-9)
    why_not = explained.why_not(explainer.why_not("crm/father", "crm/son"), sensitive=False)
    assert list(why_not) == [*why, "reasons", "keys"]
    how = explained.how(explainer.how(entity(folder, "crm/father")), sensitive=False)
    assert list(how) == [
        *(
            "format",
            "requested_id",
            "id",
            "records",
            "link_threshold",
            "steps",
            "falls",
            "decisions",
            "notes",
        ),
    ]
    assert list(how["falls"][0]) == ["above", "parts", "strongest"]
    assert list(how["falls"][0]["strongest"]) == list(why["pairs"][0]) == ["a", "b", "weight", "vetoes"]
