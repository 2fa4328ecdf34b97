"""Unit tests of the steps: they are plain functions, so they are called with small frames of our own."""

import pandas as pd
import pytest
import steps


@pytest.fixture
def loans():
    """200 loans; those that ask for much of their income default."""
    shares = [0.1, 0.2, 0.7, 0.8] * 50
    return pd.DataFrame(
        {
            "loan_id": range(200),
            "income": [30_000.0 + 100 * number for number in range(200)],
            "amount": [share * (30_000.0 + 100 * number) for number, share in enumerate(shares)],
            "term_months": [36, 60] * 100,
            "credit_years": [5.0, None, 12.0, 3.0] * 50,
            "home": ["rent", "own", "mortgage", "rent", "own"] * 40,
            "purpose": ["car", "debts", "house", "wedding"] * 50,
            "age_group": ["under 30", "over 50"] * 100,
            "defaulted": [share > 0.5 for share in shares],
        }
    )


def test_split_keeps_every_loan_on_one_side_only(loans):
    train_set, holdout = steps.split(loans, holdout_share=0.25, seed=7)
    assert len(holdout) == 50
    assert sorted([*train_set["loan_id"], *holdout["loan_id"]]) == list(range(200))


def test_split_is_the_same_for_the_same_seed(loans):
    first, second = (steps.split(loans, holdout_share=0.25, seed=7)[1] for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_the_model_finds_what_is_in_the_data(loans):
    model = steps.train(loans, regularisation=1.0)
    risk = model.predict_proba(loans)[:, 1]
    assert risk[loans["defaulted"]].min() > risk[~loans["defaulted"]].max()


def test_the_model_answers_for_gaps_and_unknown_categories(loans):
    model = steps.train(loans, regularisation=1.0)
    strange = loans.head(1).assign(credit_years=float("nan"), purpose="yacht")
    assert 0 <= model.predict_proba(strange)[0, 1] <= 1
