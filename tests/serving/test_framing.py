"""Frames come out of a stream as they went in, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.serving.framing import BrokenFrame, Frame, Unpacker, pack

frames = st.lists(
    st.builds(
        Frame,
        st.integers(0, 2**64 - 1),
        st.dictionaries(st.text(max_size=5), st.integers(-5, 5) | st.text(max_size=5) | st.none(), max_size=3),
        st.binary(max_size=30),
    ),
    max_size=5,
)


@given(frames=frames, cuts=st.lists(st.integers(1, 20), min_size=1))
def test_frames_survive_any_cutting_of_the_stream(frames, cuts):
    stream = b"".join(pack(item.request, item.header, item.raw) for item in frames)
    unpacker = Unpacker()
    found, position, turn = [], 0, 0
    while position < len(stream):
        size = cuts[turn % len(cuts)]
        found += unpacker.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
    assert found == frames


@pytest.mark.parametrize(
    "stream",
    [
        b"\xff" * 16,
        pack(1, {}).replace(b"{}", b"{x"),
        (20).to_bytes(4, "little") + b"\0" * 8 + b"\xff\0\0\0" + b"\0" * 8,
    ],
    ids=["a length beyond bounds", "a header that is no JSON", "a header longer than its frame"],
)
def test_another_protocol_is_noticed(stream):
    with pytest.raises(BrokenFrame):
        list(Unpacker().feed(stream))
