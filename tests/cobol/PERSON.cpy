000100 01  :TAG:-RECORD.                                                REL00001
000200     05  :TAG:-NAME              PIC X(WIDTH)                     REL00001
000300         VALUE 'A LITERAL THAT GOES ON AT THE END OF A LINE, IS NOREL00001
000400-        'T ENDED THERE'.                                         REL00001
000500/    A new page begins here.
000600     05  filler                  pic x.                           REL00002
000700     05  :TAG:-NUMBERS  OCCURS 3 TIMES                            REL00001
000800                        INDEXED BY :TAG:-INDEX.                   REL00001
000900         10  OLD-CODE            PIC S9(4) USAGE COMPUTATIONAL.   REL00001
001000             88  IS-VALID        VALUES ARE 1 THROUGH 9, 20,      REL00001
001100                 30 THRU 39                                       REL00001
001150                 50.                                              REL00001
001200         10  :TAG:-SUM           PICTURE IS S9(7)V9(2)            REL00003
001300             PACKED-DECIMAL.                                      REL00003
001400D    05  :TAG:-TRACE             PIC X(100).                      REL00003
