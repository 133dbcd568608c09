"""The library of operations: what mappings may write in ``do:``.

To add one: write a subclass of ``transform.operation.Operation`` (``TextOperation`` for most) in the module where it
belongs, name it in ``LIBRARY``, give it a line in ``docs/mapping.md`` and its cases in
``tests/test_transform_operations.py``.
"""

from collections.abc import Mapping
from types import MappingProxyType

from transform.operation import Operation
from transform.operations.contact import Email, Phone
from transform.operations.dates import ParseDate, ParseDatetime
from transform.operations.dutch import DutchAddressLine, DutchPersonName, DutchPostcode
from transform.operations.identifiers import Iban, Kvk, Stdnum
from transform.operations.numbers import Decimal, Integer
from transform.operations.text import (
    Coalesce,
    CodeTable,
    Default,
    Digits,
    Join,
    Lower,
    NullIf,
    Pad,
    RegexExtract,
    RegexReplace,
    Replace,
    Slice,
    Split,
    Squeeze,
    StripLeadingZeros,
    TitleCase,
    Trim,
    Upper,
)

LIBRARY: tuple[type[Operation], ...] = (
    *(Trim, Squeeze, Upper, Lower, TitleCase),
    *(Replace, RegexReplace, RegexExtract, Slice, Pad, StripLeadingZeros, Digits),
    *(Split, Join, Coalesce, Default, NullIf, CodeTable),
    *(ParseDate, ParseDatetime, Decimal, Integer),
    *(Phone, Email, Iban, Stdnum, Kvk),
    *(DutchPersonName, DutchAddressLine, DutchPostcode),
)

OPERATIONS: Mapping[str, type[Operation]] = MappingProxyType({operation.name: operation for operation in LIBRARY})
"""The operations by their name in mappings."""
