"""Strict JSON: what another parser, PostgreSQL or a person would read differently is refused, with its place."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import NotUnderstood
from schemas.strict_json import MAX_DEPTH, MAX_DIGITS, loads, split

_CLEAN = st.text(
    st.characters(
        exclude_categories=["Cs"],
        exclude_characters="\x00\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    )
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**16), 10**16)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _CLEAN
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_CLEAN, inner, max_size=4),
    max_leaves=12,
)


@given(_TREES, st.booleans())
def test_clean_json_is_read_as_python_reads_it(tree: Any, ascii_only: bool) -> None:
    """Strictness costs nothing that is right: clean JSON gives the same tree, escaped or not."""
    assert loads(json.dumps(tree, ensure_ascii=ascii_only).encode()) == tree


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Whatever arrives is understood or refused with a place; nothing else is raised."""
    said = ("understood", "as it is")
    try:
        loads(raw)
    except NotUnderstood as refusal:
        said = (refusal.place, refusal.mend)
    assert all(said)


@pytest.mark.parametrize(
    "raw, place",
    [
        ("", "line 1 column 1"),
        ('{"a": 1,}', "line 1 column 9"),
        ('{"a": 1} {"b": 2}', "line 1 column 10"),
        ('{"a": 1 // one\n}', "line 1 column 9"),
        ('{\n  "a" 1}', "line 2 column 7"),
        ("{'a': 1}", "line 1 column 2"),
        ('{"a": "x\ty"}', "line 1 column 9"),
        ('\ufeff{"a": 1}', "line 1 column 1"),
        ("None", "line 1 column 1"),
        ("True", "line 1 column 1"),
        ("01", "line 1 column 2"),
        ('{"a": +1}', "line 1 column 7"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_told_by_line_and_column(raw: str, place: str) -> None:
    """A sender finds the character that is wrong."""
    with pytest.raises(NotUnderstood) as refusal:
        loads(raw.encode())
    assert refusal.value.place == place


@pytest.mark.parametrize(
    "raw, place, word",
    [
        ('{"amount": NaN}', "amount", "NaN"),
        ('{"amount": [1, Infinity]}', "amount[1]", "Infinity"),
        ('{"amount": -Infinity}', "amount", "-Infinity"),
        ('{"amount": 1e999}', "amount", "out of range"),
        ('{"amount": -1e999}', "amount", "out of range"),
        ('{"n": ' + "9" * 5000 + "}", "n", "5000 digits"),
        ('{"email": "a@b.jp", "email": "c@d.jp"}', "email", "twice"),
        ('{"data": {"email": 1, "email": {"x": NaN}}}', "data.email", "twice"),
        ('{"a": 1, "a": 2, "a": 3}', "a", "twice"),
        ('[{"a": 1}, {"a": 1, "\\u0061": 2}]', "[1].a", "twice"),
        ('{"name": "A\\u0000B"}', "name", "U+0000"),
        ('{"na\\u0000me": 1}', "event", "key"),
        ('{"name": "\\ud800"}', "name", "U+D800"),
        ('{"name": "\\udc00\\ud800"}', "name", "U+DC00"),
        ('{"list": ["ok", "\u202etxt.exe"]}', "list[1]", "U+202E"),
        ('{"list": ["\\u2066x\\u2069"]}', "list[0]", "U+2066"),
    ],
)  # fmt: skip
def test_values_that_read_two_ways_are_refused(raw: str, place: str, word: str) -> None:
    """NaN, doubled keys, endless numbers and deceiving characters are refused, and the field is named."""
    with pytest.raises(NotUnderstood) as refusal:
        loads(raw.encode())
    assert refusal.value.place == place
    assert word in refusal.value.mend


@pytest.mark.parametrize(
    "raw, at", [(b"\xff", 0), (b'{"a": "\xc0\xaf"}', 7), (b'"\xed\xa0\x80"', 1), (b'"abc\xe3\x81', 4)]
)
def test_what_is_not_utf8_is_told_by_byte(raw: bytes, at: int) -> None:
    """Invalid, overlong, surrogate and cut-off UTF-8 is refused at its first wrong byte."""
    with pytest.raises(NotUnderstood) as refusal:
        loads(raw)
    assert refusal.value.place == f"byte {at}"


@pytest.mark.parametrize("brackets", ["[]", "{}"])
@pytest.mark.parametrize(
    "depth, is_fine", [(1, True), (MAX_DEPTH, True), (MAX_DEPTH + 2, False), (2_000, False), (100_000, False)]
)
def test_depth_has_a_limit(brackets: str, depth: int, is_fine: bool) -> None:
    """Nesting is taken up to the limit; a hundred thousand levels neither crash nor hang."""
    opening = "[" if brackets == "[]" else '{"a":'
    raw = (opening * depth + "1" + brackets[1] * depth).encode()
    if is_fine:
        loads(raw)
    else:
        with pytest.raises(NotUnderstood, match="nested deeper"):
            loads(raw)


@pytest.mark.parametrize("digits, is_fine", [(1, True), (MAX_DIGITS, True), (MAX_DIGITS + 1, False)])
def test_numbers_are_taken_up_to_the_limit(digits: int, is_fine: bool) -> None:
    """At the limit a number is taken, one digit more is refused."""
    if is_fine:
        assert loads(b"7" * digits) == int("7" * digits)
    else:
        with pytest.raises(NotUnderstood, match="digits"):
            loads(b"7" * digits)


@pytest.mark.parametrize(
    "raw, value",
    [
        ('"\\ud83d\\ude00"', "😀"),
        ('{"__proto__": {"a": 1}, "__class__": 2}', {"__proto__": {"a": 1}, "__class__": 2}),
        ('{"名前": "髙橋 ﾊﾅｺ"}', {"名前": "髙橋 ﾊﾅｺ"}),
        ("-0", 0),
        ("1e5", 100_000.0),
        ('{"a": {"x": 1}, "b": {"x": 1}}', {"a": {"x": 1}, "b": {"x": 1}}),
        ('"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["', "[" * 38),
    ],
)  # fmt: skip
def test_what_only_looks_odd_is_taken(raw: str, value: Any) -> None:
    """Emoji, Japanese keys, brackets in text and names of other languages' internals are plain data."""
    assert loads(raw.encode()) == value


@given(st.lists(_TREES, max_size=6), st.sampled_from(["", " ", "\n\t"]))
def test_an_array_is_cut_into_its_items(items: list[Any], space: str) -> None:
    """As each was written; what only Python's parser takes at one place changes no other."""
    written = [json.dumps(item) for item in items]
    assert split(f"{space}[{space}{f'{space},{space}'.join(written)}{space}]{space}".encode()) == [
        one.encode() for one in written
    ]
    written.append('{"a": "\\ud800", "n": 1' + "0" * 5_000 + "}")
    assert split(f"{space}[{f'{space},{space}'.join(written)}{space}]".encode()) == [
        one.encode() for one in written
    ]


@pytest.mark.parametrize(
    "unfit",
    [
        "NaN",
        '{"a": -Infinity}',
        r'"\ud800"',
        r'{"\udc00": 1, "a": 1, "a": 2}',
        "1" + "0" * 5_000 + r', "\ud800"',
    ],
)
def test_an_unfit_item_leaves_its_neighbours_whole(unfit: str) -> None:
    """It comes back as it was written, and strict JSON says of it alone what is wrong."""
    first, *between, last = split(f'[{{"a": 1}}, {unfit}, "猫"]'.encode())
    assert (loads(first), loads(last)) == ({"a": 1}, "猫")
    for one in between:
        with pytest.raises(NotUnderstood):
            loads(one)


@pytest.mark.parametrize(
    "raw, place",
    [
        (r'["\ud800",]', "line 1 column 11"), (r'["\ud800"', "line 1 column 10"),
        (r'["\ud800"] 1', "line 1 column 12"), (r'{"a": "\ud800"}', "a"), ("7", "batch"), ("", "line 1 column 1"),
        (r'["\ud800", ' + "[" * 100_000, "event"), (r'["\ud800" "a"]', "line 1 column 11"), ("[", "line 1 column 2"),
    ],
)  # fmt: skip
def test_what_is_no_array_is_refused_with_its_place(raw: str, place: str) -> None:
    """As a whole: where its items end, nobody can tell."""
    with pytest.raises(NotUnderstood) as refused:
        split(raw.encode())
    assert refused.value.place == place
