"""What steps printed is read once, in the order of the steps, and never half a line of a run that goes on."""

from __future__ import annotations

import pytest
from pipeline_case import make_case

from plimsoll.pipeline.errors import StepMissing
from plimsoll.pipeline.logs import PIECE, read_pieces
from plimsoll.pipeline.operations import log_pieces


def test_logs_come_in_the_order_of_the_steps_with_what_loading_printed_first(tmp_path):
    for name in ("alpha", "import", "omega", "unended"):
        (tmp_path / f"{name}.log").write_text(f"{name}\n")

    pieces = read_pieces(tmp_path, steps=["omega", "alpha"], seen={}, whole_lines=True)

    assert [piece.step for piece in pieces] == ["import", "omega", "alpha", "unended"]


def test_a_line_that_is_still_being_written_comes_when_it_is_whole(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("one\ntw")
    (first,) = read_pieces(tmp_path, steps=[], seen={}, whole_lines=True)
    assert first.text == "one\n"
    assert read_pieces(tmp_path, steps=[], seen={"train": first.end}, whole_lines=True) == ()
    log.write_text("one\ntwo\nthr")

    (second,) = read_pieces(tmp_path, steps=[], seen={"train": first.end}, whole_lines=True)
    (last,) = read_pieces(tmp_path, steps=[], seen={"train": second.end}, whole_lines=False)

    assert (second.text, last.text) == ("two\n", "thr")


@pytest.mark.parametrize("line", ["a line with an é and an end\n", "é" * PIECE])
def test_a_long_log_is_read_to_its_end_in_pieces(tmp_path, line):
    content = (line * (3 * PIECE // len(line.encode()) + 1)).encode()
    (tmp_path / "train.log").write_bytes(content)
    seen, sizes = 0, []
    while pieces := read_pieces(tmp_path, steps=[], seen={"train": seen}, whole_lines=True):
        sizes.append(pieces[0].end - seen)
        seen = pieces[0].end

    assert len(sizes) >= 3
    assert (seen, sum(sizes)) == (len(content), len(content))


def test_an_ended_run_knows_its_steps(tmp_path):
    case = make_case(tmp_path, "def loud():\n    print('here')\n    return 1\n", "")
    run = case.run()
    (piece,) = log_pieces(case.context, run, step="loud", seen={})
    assert piece.text == "here\n"
    assert log_pieces(case.context, run, step="", seen={"loud": piece.end}) == ()
    with pytest.raises(StepMissing, match="it has loud"):
        log_pieces(case.context, run, step="../../x", seen={})
