"""Intervals are drawn on one scale, inside their picture, with the limit and the side that breaks the rule."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from plimsoll.edge.spans import Span, scale_of, span_plot

WORSE = Span(value=-0.40, low=-0.52, high=-0.30)
SAME = Span(value=0.0, low=-0.01, high=0.01)


def drawn(span, *, at_least=True, zero=True):
    scale = scale_of([WORSE, SAME], limit=-0.1, zero=zero)
    text = span_plot(span, scale=scale, limit=-0.1, at_least=at_least, zero=zero, tone="bad", title="<worse>")
    return scale, ET.fromstring(text)


def test_the_figure_stands_on_its_side_of_the_limit():
    scale, worse = drawn(WORSE)
    limit = scale(-0.1)
    assert float(worse.find("circle").get("cx")) < limit
    assert float(drawn(SAME)[1].find("circle").get("cx")) > limit
    assert worse.get("aria-label") == "<worse>"


@pytest.mark.parametrize(("at_least", "begins_at_limit"), [(True, False), (False, True)])
def test_the_side_that_breaks_the_rule_is_shaded(at_least, begins_at_limit):
    scale, picture = drawn(WORSE, at_least=at_least)
    begin = float(picture.find("rect").get("x"))
    assert (begin == pytest.approx(scale(-0.1), abs=0.1)) is begins_at_limit


def test_figures_that_are_all_the_same_have_a_scale():
    scale = scale_of([Span(value=0.5, low=0.5, high=0.5)], limit=0.5, zero=False)
    assert scale.low < 0.5 < scale.high
