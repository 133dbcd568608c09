"""XML schema types to Arrow types, and XML elements to rows."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from zeep import xsd

from adapters.soap.records import Reader, Struct, columns_of, node_of, repeated_paths, walk

SCHEMA = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:t" targetNamespace="urn:t"
           elementFormDefault="qualified">
  <xs:simpleType name="code"><xs:restriction base="xs:short"/></xs:simpleType>
  <xs:complexType name="money"><xs:simpleContent><xs:extension base="xs:decimal">
    <xs:attribute name="currency" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType>
  <xs:complexType name="base"><xs:sequence><xs:element name="id" type="xs:unsignedInt"/></xs:sequence>
    <xs:attribute name="version" type="xs:int"/></xs:complexType>
  <xs:complexType name="customer"><xs:complexContent><xs:extension base="base"><xs:sequence>
    <xs:element name="code" type="code" minOccurs="0"/>
    <xs:element name="small" type="xs:byte" minOccurs="0"/>
    <xs:element name="whole" type="xs:integer" minOccurs="0"/>
    <xs:element name="rate" type="xs:double" minOccurs="0"/>
    <xs:element name="on" type="xs:boolean" nillable="true" minOccurs="0"/>
    <xs:element name="day" type="xs:date" minOccurs="0"/>
    <xs:element name="at" type="xs:dateTime" minOccurs="0"/>
    <xs:element name="balance" type="money" minOccurs="0"/>
    <xs:choice><xs:element name="email" type="xs:string"/><xs:element name="phone" type="xs:string"/></xs:choice>
    <xs:sequence minOccurs="0" maxOccurs="unbounded">
      <xs:element name="tag" type="xs:int"/>
    </xs:sequence>
    <xs:element name="parent" type="customer" minOccurs="0"/>
    <xs:element name="site" minOccurs="0" maxOccurs="5"><xs:complexType><xs:sequence>
      <xs:element name="room" type="xs:int" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  <xs:element name="answer"><xs:complexType><xs:sequence>
    <xs:element name="customers"><xs:complexType><xs:sequence>
      <xs:element name="customer" type="customer" minOccurs="0" maxOccurs="unbounded"/>
    </xs:sequence></xs:complexType></xs:element>
    <xs:any minOccurs="0" processContents="lax"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>
"""


@pytest.fixture(scope="module")
def answer() -> Struct:
    schema = xsd.Schema(etree.fromstring(SCHEMA))
    node = node_of(schema.get_element("{urn:t}answer").type)
    assert isinstance(node, Struct)
    return node


@pytest.fixture(scope="module")
def reader(answer: Struct) -> Reader:
    return Reader(walk(answer, "customers.customer", what="records").node, "customer")


def rows(reader: Reader, *records: str) -> tuple[list[dict[str, object]], dict[str, int]]:
    """Read records given by what stands inside them; most elements are left out of the result where they are null."""
    elements = [etree.fromstring(f'<customer xmlns="urn:t" {record}</customer>') for record in records]
    batch, misread = reader.read(elements)
    found = [{name: value for name, value in row.items() if value is not None} for row in batch.to_pylist()]
    return found, dict(misread)


def test_types(answer: Struct):
    customer = walk(answer, "customers.customer", what="records").node
    assert isinstance(customer, Struct)
    assert dict(columns_of(customer)) == {
        "id": pa.uint32(),
        "code": pa.int16(),
        "small": pa.int8(),
        "whole": pa.int64(),
        "rate": pa.float64(),
        "on": pa.bool_(),
        "day": pa.date32(),
        "at": pa.string(),
        "balance.value": pa.string(),
        "balance.currency": pa.string(),
        "email": pa.string(),
        "phone": pa.string(),
        "tag[*]": pa.int32(),
        "site[*].room[*]": pa.int32(),
        "version": pa.int32(),
    }


def test_lists_of_records_are_found(answer: Struct):
    assert list(repeated_paths(answer)) == ["customers.customer"]


def test_values(reader: Reader):
    found, misread = rows(
        reader,
        'version="3"><id>7</id><code> 12 </code><rate>1.5e3</rate><on>1</on><day>2026-01-31+01:00</day>'
        '<at>2026-01-31T10:00:00+01:00</at><balance currency="EUR">12.500</balance><email>a@b.nl</email>'
        "<tag>1</tag><tag>2</tag><site><room>1</room><room>2</room></site><site/>",
        ">",
        "><id/><on>false</on><tag/><unknown>x</unknown>",
    )
    assert misread == {}
    assert found == [
        {
            "version": 3,
            "id": 7,
            "code": 12,
            "rate": 1500.0,
            "on": True,
            "day": datetime.date(2026, 1, 31),
            "at": "2026-01-31T10:00:00+01:00",
            "balance": {"value": "12.500", "currency": "EUR"},
            "email": "a@b.nl",
            "tag": [1, 2],
            "site": [{"room": [1, 2]}, {"room": None}],
        },
        {},
        {"on": False, "tag": [None]},
    ]


def test_nil_is_null(reader: Reader):
    nil = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'
    assert rows(reader, f"><email {nil}/><site {nil}/><balance {nil} currency='EUR'/>") == ([{"site": [None]}], {})


def test_what_is_not_of_its_type_is_null_and_counted(reader: Reader):
    found, misread = rows(
        reader,
        'version="x"><id>-1</id><code>40000</code><small>1.0</small><rate>1_0</rate><on>yes</on><day>2026-02-30</day>',
        "><id>5</id><tag>1</tag><tag>one</tag><day>0000-00-00</day><site><room>q</room></site>",
    )
    assert found == [{}, {"id": 5, "tag": [1, None], "site": [{"room": [None]}]}]
    assert misread == {
        "version": 1,
        "id": 1,
        "code": 1,
        "small": 1,
        "rate": 1,
        "on": 1,
        "day": 2,
        "tag[*]": 1,
        "site[*].room[*]": 1,
    }


def test_namespaces_do_not_matter(reader: Reader):
    element = etree.fromstring('<a:customer xmlns:a="urn:other"><a:id>1</a:id><email>x</email></a:customer>')
    batch, _ = reader.read([element])
    assert (batch["id"][0].as_py(), batch["email"][0].as_py()) == (1, "x")


@given(st.lists(st.integers(-(2**70), 2**70)))
def test_any_integer_is_its_value_or_counted(values: list[int]):
    reader = Reader(node_of(xsd.Long()), "n")
    elements = []
    for value in values:
        element = etree.Element("n")
        element.text = str(value)
        elements.append(element)
    batch, misread = reader.read(elements)
    expected = [value if -(2**63) <= value < 2**63 else None for value in values]
    assert batch["n"].to_pylist() == expected
    assert misread["n"] == expected.count(None)
