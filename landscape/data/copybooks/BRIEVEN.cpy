      * BRIEVEN - ARCHIEF VAN DE DRUKKERIJ TE DUISBURG.
      * RECFM=VBS, EBCDIC CP1141.
       01  BRIEF.
           05  BR-BRIEFNR               PIC 9(9).
           05  BR-KLANTNR               PIC 9(8).
           05  BR-SOORT                 PIC X(2).
               88  BR-WELKOM            VALUE 'WE'.
               88  BR-HERINNERING       VALUE 'HE'.
               88  BR-PRIJZEN           VALUE 'PR'.
               88  BR-VOORWAARDEN       VALUE 'VW'.
           05  BR-DATUM                 PIC 9(8).
           05  BR-TIJD                  PIC 9(6).
           05  BR-REGELS                PIC S9(4) COMP.
           05  BR-REGEL                 PIC X(72) OCCURS 1 TO 200 TIMES
                                        DEPENDING ON BR-REGELS.
