"""What training promises: from the records alone, a model that tells families from persons; or it says it can't."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest

from benchmarks import parties
from canonical_model.schema import Kind, content_schema
from identity import features
from identity.evaluation import Scores, score, sweep
from identity.linking import DECISION_SCHEMA, link
from identity.model import Model, packaged_prior
from identity.training import train

NOTHING_DECIDED = pl.DataFrame(schema=DECISION_SCHEMA)
DUMMY_PHONE, DUMMY_DATE = "+31655555555", date(1910, 10, 10)


class Town:
    """Families that share a phone, an e-mail address and an account, and the worn copies that systems hold of them.

    Made for these tests: parents and children with the same family name at one address; each copy misses things,
    has typos and nicknames, shows the family's contact points or one's own, or dummies.
    """

    NICKNAMES = ("Johannes Jan", "Willem Wim", "Hendrik Henk", "Maria Riet", "Cornelis Kees", "Elizabeth Liesbeth")
    PLAIN = ("Bas", "Sanne", "Ruben", "Femke", "Joris", "Lotte", "Sven", "Anouk", "Daan", "Iris", "Thijs", "Noor")
    SYLLABLES = ("ver", "hoek", "stra", "dijk", "man", "berg", "sma", "oos", "ter", "wal", "kamp", "brug", "zand")

    def __init__(self, households: int, seed: int = 3) -> None:
        self.random = Random(seed)
        self.rows: list[dict[str, object]] = []
        self.truth: list[int] = []
        self.people = 0
        for household in range(households):
            self._household(household)

    def _household(self, number: int) -> None:
        random = self.random
        family = "".join(random.choices(self.SYLLABLES, k=random.choice([2, 3]))).capitalize()
        home = {
            "address": {"postcode": f"{1000 + number % 9000}AB", "house_number": str(random.randrange(1, 99))},
            "phone": f"+3161{number:07d}",
            "email": f"familie{number}@thuis.example",
            "iban": f"NL{number:010d}",
        }
        choice = [(name, name) for name in self.PLAIN] + [tuple(n.split()) for n in self.NICKNAMES]
        for member, names in enumerate(random.sample(choice, k=random.choice([1, 2, 2, 3, 4]))):
            born = date(1955, 1, 1) + timedelta(days=random.randrange(9000) + (12_000 if member > 1 else 0))
            self.people += 1
            own = {"phone": f"+3162{self.people:07d}", "email": f"p{self.people}@eigen.example"}
            for _ in range(random.choice([1, 2, 3, 4])):
                self._copy(names, family, born, home, own)

    def _copy(
        self, names: tuple[str, ...], family: str, born: date, home: dict[str, object], own: dict[str, str]
    ) -> None:
        random = self.random
        given: str | None = random.choice(names)
        if random.random() < 0.15:
            given = f"{names[0][0]}."
        phone = random.choice([home["phone"], own["phone"], DUMMY_PHONE if random.random() < 0.1 else None])
        email = random.choice([home["email"], own["email"], None])
        day: date | None = born
        if random.random() < 0.03:
            day = DUMMY_DATE
        elif random.random() < 0.15:
            day = None
        elif random.random() < 0.03:
            day = born + timedelta(days=10)
        self.truth.append(self.people)
        self.rows.append(
            {
                "record_no": len(self.rows),
                "data_source": random.choice(["crm", "billing", "webshop"]),
                "record_id": str(len(self.rows)),
                "party_type": "person",
                "given_name": self._worn(given) if given else None,
                "family_name": self._worn(family),
                "birth_date": day,
                "addresses": [home["address"]] if random.random() < 0.8 else None,
                "phones": [{"number": phone}] if phone else None,
                "emails": [{"address": email}] if email else None,
                "identifiers": [{"type": "iban", "value": home["iban"]}] if random.random() < 0.5 else None,
            }
        )

    def _worn(self, name: str) -> str:
        if len(name) < 4 or self.random.random() > 0.04:
            return name
        place = self.random.randrange(1, len(name))
        return name[:place] + self.random.choice("aeiou") + name[place + 1 :]

    def features(self) -> pl.DataFrame:
        envelope = {"record_no": pl.Int64(), "data_source": pl.String(), "record_id": pl.String()}
        schema = {**envelope, **content_schema(Kind.PARTY)}
        return features.compute(pl.DataFrame([{**dict.fromkeys(schema), **row} for row in self.rows], schema=schema))

    def clusters(self) -> pl.DataFrame:
        return pl.DataFrame(
            {"record_no": range(len(self.truth)), "cluster": self.truth},
            schema={"record_no": pl.Int64, "cluster": pl.Int64},
        )


@pytest.fixture(scope="module")
def town() -> Town:
    return Town(900)


@pytest.fixture(scope="module")
def model(town: Town) -> Model:
    return train(town.features())


def scored(town: Town, model: Model) -> Scores:
    return score(link(town.features(), NOTHING_DECIDED, model).clusters, town.clusters())


def test_families_that_share_everything_are_told_apart(town: Town, model: Model) -> None:
    scores = scored(town, model)
    assert scores.precision >= 0.99
    assert scores.f1 >= 0.97


def test_the_prior_works_untrained(town: Town) -> None:
    scores = scored(town, packaged_prior())
    assert scores.precision >= 0.93
    assert scores.f1 >= 0.90


def test_the_same_records_give_the_same_model_in_any_order(town: Town, model: Model) -> None:
    shuffled = town.features().sample(fraction=1.0, shuffle=True, seed=5)
    again = train(shuffled.with_columns(record_no=pl.col("record_no") + 1000))
    assert again.version == model.version


def test_dummies_are_found_and_prove_nothing(model: Model) -> None:
    assert DUMMY_PHONE in model.generic["phones"]
    assert DUMMY_DATE.strftime("%Y%m%d") in model.generic["birth_date"]
    assert not any(phone.startswith("+3161") for phone in model.generic["phones"])  # no family's


def test_listed_values_prove_nothing_however_few_have_them(town: Town) -> None:
    listed = train(town.features(), generic={"phones": ["+31611111111"], "family": ["onbekend"]})
    assert "+31611111111" in listed.generic["phones"]
    assert DUMMY_PHONE in listed.generic["phones"]
    assert listed.generic["family"] == {"onbekend"}


def test_a_given_name_tells_the_gender_where_nearly_all_people_of_that_name_have_one() -> None:
    people = [("anna", "female", 60), ("bas", "male", 40), ("bas", "female", 10), ("zoe", "female", 5)]
    rows = [(name, gender, f"{1900 + number}0101") for name, gender, count in people for number in range(count)]
    rows += [("wim", "male", "19500101")] * 50  # one person in many records
    rows += [("anna", "male", "20200101")]  # a mistake
    columns = dict(zip(("given", "gender", "birth_date"), zip(*rows, strict=True), strict=True))
    records = pl.DataFrame({name: pl.Series(values) for name, values in columns.items()}).with_columns(
        record_no=pl.int_range(pl.len()), key=pl.int_range(pl.len()), party_type=pl.lit("person")
    )
    empty = {name: pl.lit(None, dtype) for name, dtype in features.SCHEMA.items() if name not in records.columns}
    model = train(records.with_columns(**empty).select(pl.col(n).cast(t) for n, t in features.SCHEMA.items()))
    assert dict(model.genders) == {"anna": "female"}


def judged(town: Town, model: Model, *, kind: str | None = None) -> pl.DataFrame:
    """What people would say of all pairs near the threshold: the truth, or always the same."""
    edges = link(town.features(), NOTHING_DECIDED, model).edges.filter(pl.col("weight").abs() < 10_000)
    truth = pl.Series(town.truth)
    same = pl.Series(truth.gather(edges["a"]) == truth.gather(edges["b"]))
    said = pl.when(same).then(pl.lit("must_link")).otherwise(pl.lit("never_link"))
    return edges.select("a", "b", kind=said if kind is None else pl.lit(kind))


def test_decisions_move_the_model_and_true_ones_do_not_harm_it(town: Town, model: Model) -> None:
    right = train(town.features(), decisions=judged(town, model))
    said = right.profile["populations"]["person"]  # type: ignore[index,call-overload]
    assert said["decisions"] > 100  # type: ignore[index,call-overload,operator]
    assert said["bands_of_decisions"] > 0  # type: ignore[index,call-overload,operator]
    assert scored(town, right).f1 >= scored(town, model).f1 - 0.003


def test_whoever_is_told_that_doubtful_pairs_differ_expects_fewer_of_one_party(town: Town, model: Model) -> None:
    strict = train(town.features(), decisions=judged(town, model, kind="never_link"))
    lenient = train(town.features(), decisions=judged(town, model, kind="must_link"))
    priors = [one.populations["person"].stranger_prior for one in (strict, model, lenient)]
    assert priors == sorted(set(priors))


def test_few_decisions_change_nothing_but_the_profile(town: Town, model: Model) -> None:
    few = train(town.features(), decisions=judged(town, model).head(20))
    assert few.populations == model.populations
    assert few.profile["populations"]["person"]["decisions"] == 20  # type: ignore[index,call-overload]


def test_pairs_known_by_a_national_id_give_m_where_most_records_carry_one(town: Town, model: Model) -> None:
    truth = pl.Series("id", [f"{person:09}" for person in town.truth])
    known = town.features().with_columns(national_ids=pl.concat_list(truth))
    counted = train(known)
    by_id = counted.profile["populations"]["person"]["m_from_known_identifiers"]  # type: ignore[index,call-overload]
    assert {"given_name", "family_name", "birth_date"} <= set(by_id)  # type: ignore[arg-type]
    assert "national_id" not in by_id  # type: ignore[operator]
    assert model.profile["populations"]["person"]["m_from_known_identifiers"] == []  # type: ignore[index,call-overload]
    # The truth about this town: one copy in some twenty-five has a typo in the family name.
    same = next(level for level in counted.populations["person"].comparisons["family_name"] if level.name == "same")
    assert 0.85 < same.m < 0.96


def test_a_sample_estimates_what_all_records_would(town: Town, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identity.sampling.SAMPLED_RECORDS", 2500)
    monkeypatch.setattr("identity.sampling.PASS_PAIRS", 1000)
    sampled = train(town.features())
    said = sampled.profile["populations"]["person"]  # type: ignore[index,call-overload]
    assert said["sampled"] < said["records"] == len(town.rows)  # type: ignore[index,call-overload,operator]
    assert sampled.common_keys == model.common_keys
    assert sampled.frequencies == model.frequencies
    small, whole = sampled.populations["person"], model.populations["person"]
    assert small.stranger_prior == pytest.approx(whole.stranger_prior, abs=1000)  # a bit
    assert scored(town, sampled).f1 >= scored(town, model).f1 - 0.01


def test_records_in_files_give_the_model_of_records_in_memory(town: Town, model: Model, tmp_path: Path) -> None:
    for number, part in enumerate(town.features().iter_slices(1000)):
        part.write_parquet(tmp_path / f"{number}.parquet")
    assert train(tmp_path).version == model.version


def test_the_artefact_is_complete(town: Town, model: Model) -> None:
    again = Model.from_json(model.to_json())
    assert again.version == model.version
    assert link(town.features(), NOTHING_DECIDED, again).clusters.equals(
        link(town.features(), NOTHING_DECIDED, model).clusters
    )


def test_few_records_leave_the_prior_and_the_profile_says_so() -> None:
    small = train(Town(40).features())
    assert small.populations == packaged_prior().populations
    assert "too few" in str(small.profile["populations"]["person"])  # type: ignore[index,call-overload]
    assert train(Town(0).features()).populations == packaged_prior().populations


def test_a_comparison_nobody_fills_stays_at_the_prior(model: Model) -> None:
    assert "occupation" in model.profile["populations"]["person"]["at_prior"]  # type: ignore[index,call-overload,operator]
    prior = packaged_prior().populations["person"].comparisons["occupation"]
    assert [level.m for level in model.populations["person"].comparisons["occupation"]] == pytest.approx(
        [level.m for level in prior], abs=1e-6
    )


def test_training_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    train(Town(450).features())
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_a_sweep_shows_what_each_threshold_would_give(town: Town, model: Model) -> None:
    swept = sweep(town.features(), NOTHING_DECIDED, model, town.clusters(), [0, 1000, 30_000])
    assert swept["threshold"].to_list() == [0, 1000, 30_000]
    assert swept["recall"].is_sorted(descending=True)
    assert swept["f1"][2] < swept["f1"][1]


def test_records_with_hardly_a_mistake_can_be_learned_from() -> None:
    """The share of a level that only strangers have falls to zero while a pass is estimated."""
    raw = parties.raw(0, 1500)
    mistyped = pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.col("birth_date").str.slice(0, 8) + "28")
    copies = {"crm": raw, "billing": raw.with_columns(birth_date=mistyped.otherwise("birth_date"))}
    both = pl.concat(parties.mapped(rows).with_columns(data_source=pl.lit(name)) for name, rows in copies.items())
    both = both.with_columns(record_no=pl.int_range(pl.len(), dtype=pl.Int64))
    model = train(features.compute(both))
    assert model.profile["records"] == 3000
    assert Model.from_json(model.to_json()).version == model.version


def test_contact_points_that_are_all_generic_leave_their_pass_without_pairs(town: Town) -> None:
    office = pl.concat_list(pl.lit("info@office.example"))
    model = train(town.features().with_columns(emails=office))
    assert "info@office.example" in model.generic["emails"]
    email = model.populations["person"].comparisons["email"]
    assert [level.m for level in email] == [
        pytest.approx(level.m) for level in packaged_prior().populations["person"].comparisons["email"]
    ]


def test_records_that_hold_nothing_but_a_name_can_be_learned_from(town: Town) -> None:
    told = ["record_no", "key", "data_source", "party_type", "given", "given_roots", "given_names", "first_letters"]
    kept = [*told, "family", "family_parts"]
    empty = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in features.SCHEMA.items() if name not in kept]
    model = train(town.features().with_columns(empty))
    assert model.profile["origin"] == "trained"
    assert model.frequencies["family"].surprise
