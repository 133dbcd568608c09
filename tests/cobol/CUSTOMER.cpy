000100* A copybook that is made of others; all in the old way, with
000200* sequence numbers before and marks of changes behind the text.
000300     COPY PERSON REPLACING ==:TAG:== BY ==CUST==                  REL00001
000400                           ==WIDTH== BY ==60==                    REL00001
000500                           OLD-CODE  BY NEW-CODE.                 REL00002
000600     COPY ADDRESS.                                                REL00003
000700     05  LAST-FIELD              PIC ZZ9.9 BLANK WHEN ZERO.       REL00003
