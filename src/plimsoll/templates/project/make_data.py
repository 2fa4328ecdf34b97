"""Makes data/loans.csv: 4,000 invented loans, the same ones every time. Replace it by your own data.

Whether a loan defaults depends on the applicant's means and on luck, so no model can be perfect: the best possible
one reaches a roc_auc of about 0.85.
"""

import csv
import math
import random
from pathlib import Path

HOMES = {"mortgage": -0.4, "own": -0.2, "rent": 0.4}
PURPOSES = {"car": -0.3, "debts": 0.4, "house": -0.1, "wedding": 0.1}
COLUMNS = ["loan_id", "income", "amount", "term_months", "credit_years", "home", "purpose", "age_group", "defaulted"]


def make_loan(loan_id, rng):
    """One loan as a row of the file."""
    home = rng.choices(list(HOMES), weights=[45, 20, 35])[0]
    purpose = rng.choices(list(PURPOSES), weights=[30, 40, 20, 10])[0]
    income = round(math.exp(rng.gauss(10.6, 0.45)), 2)
    amount = round(income * rng.uniform(0.05, 0.9), 2)
    term_months = rng.choice([36, 60])
    credit_years = max(0, round(rng.gauss(9, 5)))
    age_group = rng.choices(["under 30", "30 to 50", "over 50"], weights=[30, 45, 25])[0]
    risk = -1.5 + 4.2 * (amount / income - 0.45) - 1.1 * (math.log(income) - 10.6) - 0.09 * (credit_years - 9)
    risk += (0.5 if term_months == 60 else 0) + HOMES[home] + PURPOSES[purpose]
    defaulted = rng.random() < 1 / (1 + math.exp(-1.3 * risk))
    known = credit_years if rng.random() > 0.05 else ""
    return [loan_id, income, amount, term_months, known, home, purpose, age_group, str(defaulted).lower()]


def main():
    """Write the file."""
    rng = random.Random(20)
    target = Path(__file__).parent / "data" / "loans.csv"
    target.parent.mkdir(exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(make_loan(loan_id, rng) for loan_id in range(1, 4001))


if __name__ == "__main__":
    main()
