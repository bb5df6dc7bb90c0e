"""The exercises of notebook 05 that ask for a number and for a panel: 5.3 and 5.5."""

from __future__ import annotations

import random

import torch

from medkit import figure
from medkit.exercises.exercise import Mistake
from medkit.exercises.questions import PredictNumber, ReadFigure


def weight_panels() -> dict[str, torch.Tensor]:
    """Make the figure of 5.5: three queries and four keys, and four tables from one set of scores."""
    scores = torch.tensor([[1.6, -0.4, 0.7, 0.1], [-0.9, 0.8, 1.2, -1.5], [0.3, 2.0, -0.6, 0.9]])
    return {
        "a": torch.softmax(scores, dim=1),
        "b": torch.softmax(scores, dim=0),
        "c": scores,
        "d": torch.softmax(scores.flatten(), dim=0).reshape(scores.shape),
    }


def weight_figure() -> str:
    """Draw the tables of 5.5 with their numbers."""
    panels = [figure.numbers(table, title, 2) for title, table in weight_panels().items()]
    return figure.as_html(
        figure.row(*panels, inches=2.6),
        alt="Panels for exercise 5.5: four tables of three rows and four columns, with a number in each cell",
        caption="Rows are queries, columns are keys. Numbers made up for this page.",
        tier="phantom",
    )


def as_printed(q: tuple[int, int], k: tuple[int, int, int, int], keys: int, value: float) -> dict:
    """Return what of 5.3 depends on its numbers: q = (q0, 0, q1, 0), `keys` times the same k, and one value."""
    product = q[0] * k[0] + q[1] * k[2]
    score = product / 2  # the root of four features
    return {
        "prompt": (
            f"One query, q = ({q[0]}, 0, {q[1]}, 0), and {keys} keys that are all the same, k = {k}. All {keys} values "
            f"are the single number {value}. Which number do Eq. 3 and Eq. 4 give *exactly as printed*? Put it down "
            "before you run anything."
        ),
        "truth": lambda: keys * score * value,
        "working": f"{keys} * ({q[0]} * {k[0]} + {q[1]} * {k[2]}) / 4**0.5 * {value}  # all keys alike: score times value",
        "hints": (
            "Eq. 3 for one key: multiply feature by feature, add up, divide by √d_k. How many features are there?",
            f"Eq. 4 adds up *all* keys, and as printed nothing makes the {keys} scores sum to one.",
            f"{keys} times the same: score times value.",
        ),
        "mistakes": (
            Mistake(
                "you put the softmax in",
                f"With it {keys} equal keys weigh 1/{keys} each, and the output is the value, {value}. As printed "
                "there is none.",
                value,
            ),
            Mistake("you left √d_k out", f"The score is {product} / √4, not {product}.", keys * product * value),
            Mistake("you divided by d_k, not by √d_k", "Four features: divide by 2.", keys * product / 4 * value),
            Mistake(
                f"you took one key, or the average of the {keys}",
                "Eq. 4 is a sum over j: all keys add their share.",
                score * value,
            ),
            Mistake(
                "you divided by the root of the number of keys",
                "d_k is the number of features of a key, 4.",
                keys * product / keys**0.5 * value,
            ),
            Mistake("you left the values out", f"Eq. 4 multiplies each score with its value, {value}.", keys * score),
            Mistake(
                "you multiplied the sums of the features",
                "A dot product pairs them: first with first, second with second.",
                keys * sum(q) * sum(k) / 2 * value,
            ),
        ),
        "afterword": f"Right: {keys * score:g} times the value that all agree on. With a softmax it is {value}.",
    }


def other_as_printed(draw: random.Random) -> dict:
    """Draw numbers for 5.3 that keep its right answer and its mistakes apart."""
    q, k = (draw.randint(2, 4), draw.randint(1, 3)), tuple(draw.randint(2, 7) for _ in range(4))
    return as_printed(q, k, draw.choice((6, 10, 12, 20)), draw.choice((0.3, 0.4, 0.6, 0.8)))


AS_PRINTED = PredictNumber(
    id="5.3",
    title="Eq. 3-4 as printed",
    section="exercises",
    points=1,
    minutes=4,
    name="printed",
    tolerance=0.02,
    other=other_as_printed,
    **as_printed(q=(2, 1), k=(3, 5, 2, 1), keys=10, value=0.6),
)

WHOSE_SUM = ReadFigure(
    id="5.5",
    title="Which table holds weights?",
    section="exercises",
    points=1,
    minutes=4,
    name="table",
    prompt=(
        "The figure above shows four tables, all made from the scores of three queries (rows) for four keys "
        "(columns). Which one holds the weights of softmax attention, as `attention_weights` gives them?"
    ),
    draw=weight_figure,
    right="a",
    hints=(
        "Weights of one query are shares of its attention. What must they sum to?",
        "A query is a row. Add up the rows, then the columns.",
    ),
    mistakes=(
        Mistake(
            "you took a softmax over the queries",
            "In table b each *column* sums to one: how much one key is looked at, shared among queries.",
            "b",
        ),
        Mistake(
            "you took the scores for weights",
            "Table c has negative numbers: it is Eq. 3 as printed, before any softmax.",
            "c",
        ),
        Mistake(
            "you took one softmax over the whole table",
            "In table d all twelve numbers together sum to one, and no row does.",
            "d",
        ),
    ),
    afterword="Right: every row sums to one. Add up rows before you trust anybody's attention map.",
)
