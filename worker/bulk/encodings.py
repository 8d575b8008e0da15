"""In which encoding a file is written: told, or found out by reading all of it once."""

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import Refused

#: What a file begins with when a program said how it wrote it: the mark, the codec, and its name for people.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a mark (BOM)"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
#: Tried in this order: text in Shift_JIS is hardly ever UTF-8 by chance, but any UTF-8 may be taken for Shift_JIS.
_TRIED: Final = (("utf-8", "UTF-8"), ("cp932", "Shift_JIS (CP932)"))
#: Names by which people call Windows' Shift_JIS; Python's own `shift_jis` knows neither ① nor 髙.
_ALIASES: Final = {"shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "ms932": "cp932", "utf8": "utf-8-sig", "utf-8": "utf-8-sig"}  # fmt: skip
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is read, and how that is told to people."""

    codec: str
    name: str
    #: Whether it was found out, and not told or marked.
    guessed: bool = False


def told(name: str) -> Encoding:
    """Return the encoding that somebody named.

    Raises:
        Refused: there is none of that name.

    """
    codec = _ALIASES.get(name.lower(), name)
    try:
        codecs.lookup(codec)
    except LookupError:
        raise Refused(
            f"no encoding is called {name[:40]}; write utf-8, cp932 (Shift_JIS) or euc_jp"
        ) from None
    return Encoding(codec, name)


def detect(path: Path) -> tuple[Encoding, str]:
    """Return the encoding of a file and the SHA-256 of its bytes, reading it once in pieces.

    Raises:
        Refused: it is neither UTF-8 nor Shift_JIS, or cannot be read.

    """
    hashed = hashlib.sha256()
    decoders = {codec: codecs.getincrementaldecoder(codec)() for codec, _ in _TRIED}
    wrong: dict[str, int] = {}
    done = 0
    marked: Encoding | None = None
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                if not done:
                    marked = next((Encoding(c, n) for mark, c, n in _MARKS if piece.startswith(mark)), None)
                    if marked is None and b"\x00" in piece[:4096]:
                        raise Refused(
                            f"{path.name} is no text (it holds zero bytes); an Excel file must be saved as CSV"
                        )
                hashed.update(piece)
                for codec, decoder in decoders.items() if marked is None else ():
                    if codec not in wrong:
                        _feed(decoder, piece, codec, wrong, done)
                done += len(piece)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    if marked is not None:
        return marked, hashed.hexdigest()
    for codec, decoder in decoders.items():
        if codec not in wrong:
            _feed(decoder, b"", codec, wrong, done, final=True)
    for codec, name in _TRIED:
        if codec not in wrong:
            return Encoding(codec, name, guessed=True), hashed.hexdigest()
    raise Refused(
        f"{path.name} is neither UTF-8 (until byte {wrong['utf-8']}) nor Shift_JIS (until byte {wrong['cp932']});"
        " say what it is by --encoding, such as euc_jp"
    )


def _feed(decoder: codecs.IncrementalDecoder, piece: bytes, codec: str, wrong: dict[str, int], at: int, *, final: bool = False) -> None:  # fmt: skip
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError as error:
        wrong[codec] = at + error.start


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        Refused: it cannot be read.

    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
