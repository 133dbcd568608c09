000100     05  ADR-LINES.                                               REL00003
000200         10  ADR-STREET          PIC X(20) JUST RIGHT.            REL00003
000300         10  ADR-NUMBER          PIC 9(5) COMP-3. 10 ADR-EXTRA    REL00003
000400             PIC X(3); VALUE SPACES. 10 ADR-CITY PIC A(15).       REL00003
