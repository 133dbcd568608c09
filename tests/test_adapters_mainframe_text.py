"""Text of mainframe files: code pages, character sets, UTF-16, trimming, nulls; against slow references."""

from __future__ import annotations

import codecs
import ctypes
import functools
import pickle
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mainframe import assemble, codepages
from adapters.mainframe.codepages import cobrix
from adapters.mainframe.copybook.layout import Encoding, Field, Place
from adapters.mainframe.copybook.picture import Picture
from adapters.mainframe.copybook.syntax import Sign, Usage
from adapters.mainframe.options import MainframeOptions
from adapters.mainframe.profile import Profile
from adapters.mainframe.values import alphabets, kernels, text
from foundation.errors import ConfigurationError, Location

SO, SI = 0x0E, 0x0F
UNDEFINED = "\N{REPLACEMENT CHARACTER}"
KERNELS = [kernels.PLAIN, kernels.accelerated()] if find_spec("numba") else [kernels.PLAIN]


def field(length: int, encoding: Encoding = "text", *, page: str | None = None, hexadecimal: bool = False) -> Field:
    raw = encoding == "bytes" and not hexadecimal
    return Field(
        name="F", written="F", level=5, place=Place(offset=0), length=length, encoding=encoding,
        picture=Picture(text=f"X({length})", category="text", size=length), usage=Usage.DISPLAY, sign=Sign(),
        type=pa.binary() if raw else pa.string(), code_page=page, location=Location(file="test.cpy", line=1),
    )  # fmt: skip


def decode(
    values: list[bytes], profile: Profile, *, length: int = 0, pad: int = 1, **about: object
) -> list[str | None]:
    """Decode values as one field between other bytes; shorter ones are cut off by the end of their record."""
    length = length or max(map(len, values))
    described = field(length, **about)  # type: ignore[arg-type]
    rows = np.full((len(values), length + 2 * pad), 0x7B, np.uint8)
    for row, value in zip(rows, values, strict=True):
        row[pad : pad + len(value)] = list(value)
    lengths = np.array([len(value) for value in values], np.int64)
    available = None if (lengths == length).all() else lengths
    results = []
    for chosen in KERNELS:
        with patch.object(kernels, "chosen", lambda chosen=chosen: chosen):
            results.append(text.decoder(described, profile)(rows, pad, available))
    plain = results[0]
    for found in results:
        assert found.bad is None
        assert found.array.type == described.type
        found.array.validate(full=True)
        assert found.array.equals(plain.array)
    return plain.array.to_pylist()


def one(value: bytes, profile: Profile, **about: object) -> str | None:
    return decode([value], profile, **about)[0]


EBCDIC = Profile(code_page="cp037")
ASCII = Profile(encoding="ascii", code_page="us-ascii")
COBRIX = Profile(name="cobrix", code_page="common")
COBRIX_ASCII = Profile(name="cobrix", encoding="ascii", code_page="us-ascii")


# Witness: the iconv of the C library, where there is one that knows EBCDIC


@functools.cache
def _libc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
        libc.iconv_open.restype = libc.iconv.restype = ctypes.c_size_t
    except (OSError, AttributeError, TypeError):
        return None
    return libc


def iconv(data: bytes, charset: str) -> str | None:
    """Return what iconv makes of ``data``; None where it refuses. Skips the test where iconv lacks the charset."""
    libc = _libc()
    handle = libc.iconv_open(b"UTF-32LE", charset.encode()) if libc else 2**64 - 1
    if libc is None or handle == 2**64 - 1:
        pytest.skip(f"no iconv here that knows {charset}")
    source, target = ctypes.create_string_buffer(data, len(data)), ctypes.create_string_buffer(8 * len(data) + 16)
    source_at, target_at = ctypes.c_void_p(ctypes.addressof(source)), ctypes.c_void_p(ctypes.addressof(target))
    left, room = ctypes.c_size_t(len(data)), ctypes.c_size_t(len(target))
    done = libc.iconv(
        ctypes.c_void_p(handle),
        ctypes.byref(source_at),
        ctypes.byref(left),
        ctypes.byref(target_at),
        ctypes.byref(room),
    )
    libc.iconv_close(ctypes.c_void_p(handle))
    return None if done == 2**64 - 1 else target.raw[: len(target) - room.value].decode("utf-32-le")


SINGLE = [name for name in codepages.BUILT_IN if codepages.get(name).double is None]
MIXED = [name for name in codepages.BUILT_IN if codepages.get(name).double is not None]

# Where glibc differs from Python or ebcdic: it exchanges a backslash and an E with acute in 278, and the thorns of
# 871; overlines for macrons and the like; and it has later or earlier editions of 424, 870, 875 and 1026.
OTHERWISE = {
    "273": {0xBC}, "278": {0x71, 0xE0}, "285": {0xA1}, "424": {0x78, 0x8F}, "870": {0xB0}, "871": {0x4A, 0xC0},
    "875": {0x6A, 0x74, 0xDC, 0xDD, 0xE1, 0xEC, 0xED, 0xFC, 0xFD}, "1026": {0x9D, 0xBC},
}  # fmt: skip


class TestCodePages:
    def test_all_that_are_promised_are_there(self) -> None:
        promised = (
            "037 1047 1140 273 1141 277 1142 278 1143 280 1144 284 1145 285 1146 297 1147 500 1148 870 875 1025 1026 "
            "838 424 1160 274 275 300 930 933 935 937 939 1364 1388"
        )
        assert {f"cp{number}" for number in promised.split()} <= set(codepages.BUILT_IN)

    @pytest.mark.parametrize("name", codepages.BUILT_IN)
    def test_every_character_goes_there_and_back(self, name: str) -> None:
        page = codepages.get(name)
        known = [character for character in page.characters if character not in {UNDEFINED, "\x0e", "\x0f"}]
        assert page.decode(page.encode("".join(known))) == "".join(known)
        assert page.encode(" AZaz09") == page.encode(" ") + page.encode("A") + page.encode("Zaz09")
        assert page.encode(" 0") == b"\x40\xf0"

    @pytest.mark.parametrize("name", MIXED)
    def test_every_pair_goes_there_and_back(self, name: str) -> None:
        page = codepages.get(name)
        assert page.double is not None
        known = "".join(map(chr, np.unique(page.double[page.double != ord(UNDEFINED)])))
        assert page.decode_double(page.encode_double(known)) == known
        mixed = f"A{known[-3:]}B{known[-1]}"
        assert page.decode(page.encode(mixed)) == mixed
        with pytest.raises(UnicodeEncodeError):
            page.encode("\N{SLICE OF PIZZA}")

    @pytest.mark.parametrize("name", sorted(set(SINGLE) - {"cp838"}))
    def test_single_bytes_are_those_of_iconv(self, name: str) -> None:
        number = name.removeprefix("cp")
        charset = f"IBM{number}"
        for byte, character in enumerate(codepages.get(name).characters):
            theirs = iconv(bytes([byte]), charset)
            if theirs is not None and byte not in OTHERWISE.get(number, set()):
                assert (byte, character) == (byte, theirs)

    @pytest.mark.parametrize("name", sorted(set(MIXED) - {"cp300"}))
    def test_pairs_are_those_of_iconv(self, name: str) -> None:
        page, charset = codepages.get(name), f"IBM{name.removeprefix('cp')}"
        assert page.double is not None
        for lead in range(0x40, 0xFF):
            pairs = [(lead << 8) + trail for trail in range(0x40, 0xFF)]
            for pair in pairs[:: 1 if lead % 16 == 5 else 19]:  # all of some rows, and some of all
                theirs = iconv(bytes([SO]) + pair.to_bytes(2) + bytes([SI]), charset)
                assert (hex(pair), chr(page.double[pair])) == (hex(pair), theirs or UNDEFINED)

    @pytest.mark.parametrize("name", sorted(set(SINGLE) - {"cp274", "cp275", "cp1160"}))
    def test_single_bytes_are_those_of_the_codecs(self, name: str) -> None:
        for byte, character in enumerate(codepages.get(name).characters):
            theirs = bytes([byte]).decode(name, "replace")
            if byte not in (0x15, 0x25) and (theirs != "\x1a" or byte == 0x3F):  # line ends, and what is undefined
                assert (byte, character) == (byte, theirs)

    @pytest.mark.parametrize(
        ("base", "euro", "byte"),
        [("037", "1140", 0x9F), ("273", "1141", 0x9F), ("277", "1142", 0x5A), ("278", "1143", 0x5A),
         ("280", "1144", 0x9F), ("284", "1145", 0x9F), ("285", "1146", 0x9F), ("297", "1147", 0x9F),
         ("500", "1148", 0x9F), ("871", "1149", 0x9F)],
    )  # fmt: skip
    def test_a_euro_page_is_its_base_with_another_currency_sign(self, base: str, euro: str, byte: int) -> None:
        old, new = codepages.get(base).characters, codepages.get(euro).characters
        differences = {at for at in range(256) if old[at] != new[at]}
        assert old[byte] == "¤"
        assert new[byte] == "€"
        assert differences - {byte} <= {0xBC}  # 273: a macron in one, an overline in the other

    @pytest.mark.parametrize("name", ["037", "ibm037", "IBM-37", "CP037", "ccsid 37", "cp37", "x-IBM037"])
    def test_a_name_may_be_written_in_many_ways(self, name: str) -> None:
        assert codepages.get(name).name == "cp037"
        assert codepages.get("cp930").name == "cp930"

    @pytest.mark.parametrize("name", ["cp1252", "latin-1", "utf-8", "hex", "cp9999", "", "nonsense"])
    def test_other_pages_are_refused_with_a_remedy(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match=r"no EBCDIC code page that is known here.*code_page_table"):
            codepages.get(name)

    def test_pages_survive_pickling(self) -> None:
        page = pickle.loads(pickle.dumps(codepages.get("cp939")))
        assert page.encode("日") == codepages.get("cp939").encode("日")


class TestTables:
    def page(self, folder: Path, content: str) -> codepages.CodePage:
        file = folder / "table.txt"
        file.write_text(content, "utf-8", newline="")
        return codepages.get("ours", file)

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_256_characters(self, tmp_path: Path, end: str) -> None:
        characters = codepages.get("cp037").characters.replace("{", "Ŵ")
        page = self.page(tmp_path, characters + end)
        assert page.characters == characters
        assert page.encode("Ŵ") == b"\xc0"

    def test_a_table_of_unicode_org(self, tmp_path: Path) -> None:
        page = self.page(tmp_path, "# comment\n0x40\t0x0020\t#SPACE\n0xC1\t0x0041\n0x4141\t0x4E00\n")
        assert page.decode(b"\x40\xc1\x0e\x41\x41\x0f\xc2") == f" A一{UNDEFINED}"

    def test_a_table_of_icu(self, tmp_path: Path) -> None:
        lines = r"""<code_set_name> "x"
            CHARMAP
<U0020> \x40 |0
<U0041> \xC1 |0 # a comment
<U4E00> \x41\x41 |0
<U20000> \x41\x42 |0
<U304B><U309A> \x41\x43 |0
<UFF21> \xC1 |1
"""
        page = self.page(tmp_path, lines)
        assert page.decode(b"\x40\xc1\x0e\x41\x41\x41\x42\x41\x43\x0f") == f" A一\U00020000{UNDEFINED}"

    def test_decodes_a_field(self, tmp_path: Path) -> None:
        file = tmp_path / "table.txt"
        file.write_text(codepages.get("cp037").characters.replace("{", "Ŵ"), "utf-8", newline="")
        assert one(b"\xc1\xc0", Profile(code_page="ours", code_page_table=file)) == "AŴ"
        assert one(b"\xc1\xc0", Profile(name="cobrix", code_page="ours", code_page_table=file)) == "AŴ"

    def test_is_named_by_an_option_relative_to_the_estate(self, tmp_path: Path) -> None:
        (tmp_path / "ours.txt").write_text(codepages.get("cp037").characters.replace("{", "Ŵ"), "utf-8", newline="")
        options = MainframeOptions.model_validate({"path": "F", "copybook": "F", "code_page_table": "ours.txt"})
        assert one(b"\xc0", assemble.profile_of(options, tmp_path)) == "Ŵ"

    @pytest.mark.parametrize(
        ("content", "said"),
        [("abc", "3 characters instead of 256"), ("0x40\t0xD800\n", "no character"), (b"\xff\xfe", "not in UTF-8")],
    )
    def test_errors_name_the_file(self, tmp_path: Path, content: str | bytes, said: str) -> None:
        file = tmp_path / "table.txt"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ConfigurationError, match=said) as refused:
            codepages.get("ours", file)
        assert str(file) in str(refused.value)

    def test_a_missing_file_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
            codepages.get("ours", tmp_path / "none")


class TestIbm:
    def test_trims_spaces_and_low_values(self) -> None:
        values = [b"\x40\x40\xc1\x40\xc2\x40", b"\x00\xc1\x00\xc2\x00\x40", b"\xc1" * 6]
        assert decode(values, EBCDIC) == ["A B", "A B", "AAAAAA"]

    @pytest.mark.parametrize(
        ("trim", "expected"),
        [("both", "A"), ("left", "A  "), ("right", "  A"), ("none", "  A  "), ("keep", "\0 A\0 ")],
    )
    def test_trims_as_told(self, trim: str, expected: str) -> None:
        profile = Profile(trim=trim)  # type: ignore[arg-type]
        assert one(b"\x00\x40\xc1\x00\x40", profile) == expected

    @pytest.mark.parametrize("trim", ["both", "left", "right", "none"])
    @pytest.mark.parametrize("controls", ["blank", "keep"])
    @pytest.mark.parametrize("value", [b"\x40\x40", b"\x00\x00", b"\xff\xff", b"\x00\x40"])
    def test_blanks_are_null(self, trim: str, controls: str, value: bytes) -> None:
        profile = Profile(trim=trim, controls=controls)  # type: ignore[arg-type]
        assert decode([value, b"\xc1\xc1"], profile) == [None, "AA"]

    def test_blanks_may_stay(self) -> None:
        assert one(b"\x40\x00", Profile(blanks_are_null=False)) == ""
        assert one(b"\x40\x00", Profile(blanks_are_null=False, trim="none")) == "  "
        assert one(b"\x40\x00", Profile(trim="keep")) == " \0"

    def test_controls_are_blanks_or_kept(self) -> None:
        assert one(b"\xc1\x05\x15\xff\xc2", EBCDIC) == "A   B"
        assert one(b"\xc1\x05\x15\xff\xc2", Profile(controls="keep")) == "A\t\x85\x9fB"

    def test_undefined_bytes_are_told(self) -> None:
        assert one(b"\xc1\xe1\xc2", Profile(code_page="cp875")) == f"A{UNDEFINED}B"

    def test_a_field_may_have_its_own_page(self) -> None:
        assert one(b"\xc0\xd0", EBCDIC, page="cp273") == "äü"

    def test_values_cut_short_are_what_there_is(self) -> None:
        for page in ("cp037", "cp1025"):
            values = [b"\xc1\xc2\xc3", b"\xc1\x51", b"\xc1", b""]
            characters = codepages.get(page).characters
            assert decode(values, Profile(code_page=page)) == ["ABC", "A" + characters[0x51], "A", None]

    def test_no_rows(self) -> None:
        for encoding in ("text", "dbcs", "national", "bytes"):
            described = field(4, encoding)  # type: ignore[arg-type]
            found = text.decoder(described, Profile(code_page="cp930"))(np.zeros((0, 9), np.uint8), 2, None)
            assert found.array.type == described.type
            assert len(found.array) == 0

    def test_a_column_too_large_for_one_array_is_decoded_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(alphabets, "MOST", 8)
        values = [b"\xc1\xc2\x51", b"\x40\x40\x40", b"\x51\x51", b"\xc3"] * 5
        assert decode(values, EBCDIC) == ["ABé", None, "éé", "C"] * 5
        assert decode([b"ab", b"c"] * 9, Profile(), encoding="bytes") == [b"ab", b"c"] * 9


class TestAscii:
    def test_us_ascii(self) -> None:
        assert decode([b"ab\xff", b" \x00a", b"   "], ASCII) == [f"ab{UNDEFINED}", "a", None]

    @pytest.mark.parametrize("charset", ["utf-8", "windows-1252", "iso-8859-15", "gbk", "shift_jis", "euc-jp", "big5"])
    def test_any_character_set_of_python(self, charset: str) -> None:
        sample = {"gbk": "中文 A", "shift_jis": "日本 A", "euc-jp": "日本 A", "big5": "中文 A"}.get(charset, "é€A ~")
        profile = Profile(encoding="ascii", code_page=charset)
        encoded = sample.encode(charset)
        assert decode([encoded, b"\x01" + encoded[:-1]], profile) == [
            sample.strip(),
            encoded[:-1].decode(charset, "replace").strip(),
        ]

    def test_a_character_that_is_cut_through_is_told_and_disturbs_no_other(self) -> None:
        profile = Profile(encoding="ascii", code_page="utf-8")
        assert decode(["aé€".encode()[:5], "€a".encode() + b" "], profile) == [f"aé{UNDEFINED}", "€a"]
        assert decode(["a€".encode(), "a€".encode()[:3], b"a"], profile) == ["a€", f"a{UNDEFINED}", "a"]

    def test_a_surrogate_in_utf_8_is_one_undefined_character(self) -> None:
        profile = Profile(encoding="ascii", code_page="utf-8")  # Java's decoder, and so Cobrix, takes its three bytes
        assert one(b"a\xed\xa0\x80b\xed\xbf\xbf", profile) == f"a{UNDEFINED}b{UNDEFINED}"

    def test_controls_of_utf_8_are_blanked(self) -> None:
        profile = Profile(encoding="ascii", code_page="utf-8")
        assert one("a\x85é\x7fb\n".encode(), profile) == "a é b"
        assert one("a\x85é\x7fb\n".encode(), Profile(encoding="ascii", code_page="utf-8", controls="keep")) == (
            "a\x85é\x7fb\n"
        )

    def test_high_values_are_null(self) -> None:
        for charset in ("latin-1", "utf-8", "us-ascii"):
            assert decode([b"\xff\xff", b"ab"], Profile(encoding="ascii", code_page=charset)) == [None, "ab"]

    @pytest.mark.parametrize(
        "charset", ["utf-16", "utf-7", "cp037", "hz", "iso2022_jp", "rot13", "base64", "none-such"]
    )
    def test_what_is_not_ascii_is_refused(self, charset: str) -> None:
        with pytest.raises(ConfigurationError, match=f"the character set '{charset}'.*windows-1252"):
            text.decoder(field(1), Profile(encoding="ascii", code_page=charset))

    def test_binary_data_with_every_control_character(self) -> None:
        everything = bytes(range(256))
        profile = Profile(encoding="ascii", code_page="utf-8", controls="keep", trim="none")
        expected = everything.decode("utf-8", "replace")
        assert decode([everything, everything], profile) == [expected, expected]


class TestNational:
    def test_both_orders(self) -> None:
        big = "Zoë 日𠀀".encode("utf-16-be")
        assert one(big, EBCDIC, encoding="national") == "Zoë 日𠀀"
        described = field(len(big), "national")
        little = Field(**{name: getattr(described, name) for name in Field.__slots__} | {"little": True})
        rows = np.frombuffer("Zoë 日𠀀".encode("utf-16-le"), np.uint8).reshape(1, -1)
        assert text.decoder(little, EBCDIC)(rows, 0, None).array.to_pylist() == ["Zoë 日𠀀"]

    def test_trims_and_nulls(self) -> None:
        values = ["  a\x00".encode("utf-16-be"), "    ".encode("utf-16-be"), bytes(8), b"\xff" * 8]
        assert decode(values, EBCDIC, encoding="national") == ["a", None, None, None]
        assert decode(values[:3], COBRIX, encoding="national") == ["a", "", None]

    def test_lonely_surrogates_are_undefined(self) -> None:
        values = [b"\xd8\x00\x00a", b"\x00a\xd8\x00", b"\xdc\x00\x00a", b"\x00b\xdc\x00"]
        assert decode(values, EBCDIC, encoding="national") == [
            f"{UNDEFINED}a", f"a{UNDEFINED}", f"{UNDEFINED}a", f"b{UNDEFINED}",
        ]  # fmt: skip

    def test_cut_short(self) -> None:
        values = [b"\x00a\x00b", b"\x00a\x00", b"\x00a", b"\x00", b""]
        assert decode(values, EBCDIC, encoding="national") == ["ab", f"a{UNDEFINED}", "a", UNDEFINED, None]
        assert decode([b"\xd8\x40\xdc\x00", b"\xd8\x40"], EBCDIC, encoding="national") == ["𠀀", UNDEFINED]


class TestDbcs:
    def test_pairs(self) -> None:
        page = codepages.get("cp930")
        value = page.encode_double("日本")
        profile = Profile(code_page="cp930")
        assert decode([value + b"\x40\x40", b"\x40\x40" * 3, bytes(6)], profile, encoding="dbcs") == [
            "日本",
            None,
            None,
        ]
        assert decode([value, value[:3], value[:2]], profile, encoding="dbcs") == ["日本", f"日{UNDEFINED}", "日"]
        assert one(b"\xff\xfe", profile, encoding="dbcs") == UNDEFINED

    def test_a_page_without_pairs_is_refused(self) -> None:
        with pytest.raises(
            ConfigurationError, match=r"test.cpy:1: 'F' holds double-byte .* cp037 has none; give a page"
        ):
            text.decoder(field(4, "dbcs"), EBCDIC)

    def test_mixed_text(self) -> None:
        page = codepages.get("cp939")
        profile = Profile(code_page="cp939")
        mixed = page.encode("A日本b")
        plain = page.encode("only ASCII"[: len(mixed)].ljust(len(mixed)))
        assert decode([mixed, plain], profile) == ["A日本b", "only ASCII"[: len(mixed)].strip()]
        assert decode([mixed + b"\x40", mixed[:-1], mixed[:5], mixed[:4], mixed[:2]], profile) == [
            "A日本b", "A日本", f"A日{UNDEFINED}", "A日", "A",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("page", "value", "expected"),
        [
            ("cp00300", "0E46AF467A467C", "不丸由"),
            ("cp00300", "0E467A467C14", "丸由"),
            ("cp300", "62636465", "abcd"),
            ("cp300", "626364650E46AF467C0F62636465", "abcd不由abcd"),
            ("cp1364", "F1F2F3F40E4A77B0910F81828384", "1234ф쌤abcd"),
            ("cp1388", "F1F2F3F40E6B5A51A00F81828384", "1234鹾隆abcd"),
        ],
    )
    def test_mixed_text_as_cobrix_reads_it(self, page: str, value: str, expected: str) -> None:
        assert one(bytes.fromhex(value), Profile(name="cobrix", code_page=page)) == expected


class TestBytes:
    def test_bytes_and_hexadecimal(self) -> None:
        values = [b"\x00\xff\x40", b"\x0a", b""]
        assert decode(values, EBCDIC, encoding="bytes") == [b"\x00\xff\x40", b"\x0a", None]
        assert decode(values, EBCDIC, encoding="bytes", hexadecimal=True) == ["00FF40", "0A", None]
        assert decode(values, COBRIX, encoding="bytes", hexadecimal=True) == ["00FF40", "0A", ""]


class TestCobrix:
    def test_its_own_pages(self) -> None:
        value = bytes([0xC1, 0x51, 0x5F, 0x6A, 0x41, 0xCA, 0x0D, 0x25, 0x05, 0xC2])
        assert one(value, COBRIX) == "A  ¦ -\n\r B"
        assert one(value, Profile(name="cobrix", code_page="common_extended")) == "A  ¦ -\n\r\tB"
        assert one(value, Profile(name="cobrix", code_page="cp037")) == "Aé¬¦\xa0\xad\n\r B"
        assert one(value, Profile(name="cobrix", code_page="cp037_extended")) == "Aé¬¦\xa0\xad\n\r\tB"
        assert one(value, Profile(name="cobrix", code_page="cp1047")) == "Aé^¦  \n\r B"
        assert one(b"\xe1\xec\xfc\xca", Profile(name="cobrix", code_page="cp875")) == "₯\u037a€-"

    def test_every_name_is_known_and_others_are_refused(self) -> None:
        for name in cobrix.NAMES:
            assert one(b"\xc1\xf1", Profile(name="cobrix", code_page=name)) == "A1"
        with pytest.raises(ConfigurationError, match="Cobrix has no code page 'cp424'"):
            cobrix.get("cp424")

    @pytest.mark.parametrize(
        ("trim", "expected"),
        [("both", "A B"), ("left", "A B  "), ("right", "  A B"), ("none", "  A B  "), ("keep", "  A B  ")],
    )
    def test_trims_as_told(self, trim: str, expected: str) -> None:
        profile = Profile(name="cobrix", code_page="common", trim=trim)  # type: ignore[arg-type]
        assert one(b"\x00\x40\xc1\x00\xc2\x40\x00", profile) == expected

    def test_controls_are_trimmed_like_spaces(self) -> None:
        profile = Profile(name="cobrix", code_page="cp037_extended")
        assert one(b"\x05\x00\xc1\x05\xc2\x0d\x40", profile) == "A\tB"

    def test_only_low_values_are_null(self) -> None:
        values = [b"\x00\x00", b"\x40\x40", b"\xff\xff", b"\x00\x40", b"\xc1\x40", b"\x00", b""]
        assert decode(values, COBRIX) == [None, "", "", "", "A", None, None]
        assert decode(values, Profile(name="cobrix", code_page="common", blanks_are_null=False)) == [
            "", "", "", "", "A", "", "",
        ]  # fmt: skip
        kept = Profile(name="cobrix", code_page="common", trim="keep")
        assert decode(values, kept) == ["  ", "  ", "  ", "  ", "A ", " ", ""]

    def test_ascii(self) -> None:
        value = b"\x01 a\x7f\xe9\x00b "
        assert one(value, COBRIX_ASCII) == "a\x7f b"
        kept = Profile(name="cobrix", encoding="ascii", code_page="ASCII", trim="keep")
        assert one(value, kept) == "\x01 a\x7f\uffe9\0b "
        assert one(bytes(range(0x80, 0x100)), kept) == "".join(map(chr, range(0xFF80, 0x10000)))
        assert one(value, Profile(name="cobrix", encoding="ascii", code_page="us-ascii", trim="none")) == " a\x7f b "

    def test_other_character_sets(self) -> None:
        latin = Profile(name="cobrix", encoding="ascii", code_page="ISO-8859-1")
        assert one(b"\x01 a\xe9\x00b\x85", latin) == "aéb\x85"
        utf8 = Profile(name="cobrix", encoding="ascii", code_page="UTF8")
        assert one("ěšč\x01řž ".encode() + b"\xc3", utf8) == f"ěščřž {UNDEFINED}"
        assert decode([b"\xbf", b"\xe4"], COBRIX_ASCII, page="cp1251") == ["ї", "д"]
        assert one(b"\xe4", COBRIX_ASCII, page="cp1252") == "ä"


# Properties


def _reference(value: bytes, length: int, profile: Profile, encoding: str) -> str | None:
    """Decode one value the slow way: profile ``ibm``, a single-byte page, a character set or UTF-16."""
    if not value:
        return None
    if encoding == "national":
        found = value.decode("utf-16-be", "replace")
    elif profile.encoding == "ascii":
        found = value.decode(profile.code_page, "replace")
    else:
        found = codepages.get(profile.code_page).decode(value)
    if profile.trim != "keep" and profile.controls == "blank":
        found = "".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in found)
    stripped = found.strip(" \0")
    if profile.blanks_are_null and profile.trim != "keep" and (not stripped or set(value) == {0xFF}):
        return None
    trims = {"both": found.strip, "left": found.lstrip, "right": found.rstrip}
    return trims[profile.trim](" \0") if profile.trim in trims else found


_PROFILES = st.builds(
    Profile,
    encoding=st.just("ebcdic"),
    code_page=st.sampled_from(["cp037", "cp875", "cp1025", "cp838", "cp1148"]),
    trim=st.sampled_from(["both", "left", "right", "none", "keep"]),
    controls=st.sampled_from(["blank", "keep"]),
    blanks_are_null=st.booleans(),
) | st.builds(
    Profile,
    encoding=st.just("ascii"),
    code_page=st.sampled_from(["us-ascii", "latin-1", "utf-8", "cp1252", "cp874"]),
    trim=st.sampled_from(["both", "left", "right", "none", "keep"]),
    controls=st.sampled_from(["blank", "keep"]),
    blanks_are_null=st.booleans(),
)


@st.composite
def _values(draw: st.DrawFn) -> list[bytes]:
    """Values of at most one length, many of them blank, whole or in letters."""
    length = draw(st.integers(1, 9))
    letters = st.sampled_from([0x00, 0x20, 0x40, 0x41, 0x61, 0x81, 0xC1, 0xC3, 0xA9, 0xE2, 0x82, 0xAC, 0xF1, 0xFF])
    value = st.lists(letters | st.integers(0, 255), max_size=length).map(bytes)
    whole = st.lists(letters, min_size=length, max_size=length).map(bytes)
    return [*draw(st.lists(value | whole, min_size=1, max_size=6)), draw(whole)]


class TestProperties:
    @given(values=_values(), profile=_PROFILES)
    def test_equals_the_slow_way(self, values: list[bytes], profile: Profile) -> None:
        length = max(map(len, values))
        assert decode(values, profile) == [_reference(value, length, profile, "text") for value in values]

    @given(values=_values(), profile=_PROFILES)
    def test_national_equals_the_slow_way(self, values: list[bytes], profile: Profile) -> None:
        values = [value * 2 for value in values]
        length = max(map(len, values))
        assert decode(values, profile, encoding="national") == [
            _reference(value, length, profile, "national") for value in values
        ]

    @given(
        values=_values(),
        page=st.sampled_from(["cp930", "cp1364", "cp937", "common", "cp037", "cp300"]),
        charset=st.sampled_from(
            ["us-ascii", "utf-8", "gbk", "shift_jis", "big5", "gb18030", "johab", "euc-kr", "cp1252"]
        ),
        name=st.sampled_from(["ibm", "cobrix"]),
        ascii_=st.booleans(),
        trim=st.sampled_from(["both", "left", "right", "none", "keep"]),
        encoding=st.sampled_from(["text", "edited", "national", "bytes"]),
    )
    def test_any_bytes_give_text_or_null(
        self, values: list[bytes], page: str, charset: str, name: str, ascii_: bool, trim: str, encoding: str
    ) -> None:
        if name == "ibm" and page == "common":
            page = "cp937"
        if name == "cobrix" and page in {"cp930", "cp937"}:
            page = "cp300"
        profile = Profile(
            name=name, encoding="ascii" if ascii_ else "ebcdic", code_page=charset if ascii_ else page, trim=trim,
        )  # type: ignore[arg-type]  # fmt: skip
        length = max(map(len, values)) + max(map(len, values)) % 2
        found = decode(values, profile, length=length, encoding=encoding)
        assert len(found) == len(values)
        apart = [decode([value], profile, length=length, encoding=encoding)[0] for value in values]
        assert found == apart  # no value disturbs another

    @given(data=st.data(), page=st.sampled_from(["cp930", "cp933", "cp937", "cp939", "cp1388"]))
    def test_mixed_text_goes_there_and_back(self, data: st.DataObject, page: str) -> None:
        table = codepages.get(page)
        assert table.double is not None
        wide = sorted(set(map(chr, table.double)) - {UNDEFINED} - set(table.characters))
        letters = st.sampled_from("AZ09 ") | st.sampled_from(wide[:: max(1, len(wide) // 500)])
        texts = data.draw(st.lists(st.text(letters, min_size=1, max_size=8), min_size=1, max_size=5))
        encoded = [table.encode(text) for text in texts]
        length = max(map(len, encoded))
        padded = [value.ljust(length, b"\x40") for value in encoded]
        expected = [text.strip(" ") or None for text in texts]
        assert decode(padded, Profile(code_page=page)) == expected
        assert decode(encoded, Profile(code_page=page)) == expected


def test_codecs_are_found_by_the_names_of_java() -> None:
    for name in ("Cp1252", "ISO-8859-15", "windows-1250", "x-mac-cyrillic"):
        assert codecs.lookup(name.removeprefix("x-"))
        text.decoder(field(1), Profile(encoding="ascii", code_page=name))
