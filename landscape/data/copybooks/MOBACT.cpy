      * MOBACT - ACTIVATIES MOBIEL. RECFM=V, EBCDIC CP500.
      * PER KLANT EEN RECORD 10, MET DAARACHTER ZIJN RECORDS 20 EN 30.
       01  MOBILE-RECORD.
           05  MR-SOORT                 PIC 99.
               88  MR-IS-KLANT          VALUE 10.
               88  MR-IS-ABONNEMENT     VALUE 20.
               88  MR-IS-BETALER        VALUE 30.
           05  MR-NUMMER                PIC 9(9) COMP.
           05  KLANT.
               10  MA-MSISDN            PIC 9(11) COMP-3.
               10  MA-VOORNAAM          PIC X(20).
               10  MA-VOORLETTERS       PIC X(8).
               10  MA-TUSSENVOEGSEL     PIC X(10).
               10  MA-ACHTERNAAM        PIC X(30).
               10  MA-GEBDAT            PIC 9(6).
               10  MA-GESLACHT          PIC 9.
                   88  MA-ONBEKEND      VALUE 0.
                   88  MA-MAN           VALUE 1.
                   88  MA-VROUW         VALUE 2.
               10  MA-STRAAT            PIC X(30).
               10  MA-HUISNR            PIC 9(5).
               10  MA-TOEVOEGING        PIC X(5).
               10  MA-PC-CIJFERS        PIC 9(4).
               10  MA-PC-LETTERS        PIC XX.
               10  MA-PLAATS            PIC X(25).
               10  MA-EMAIL             PIC X(60).
               10  MA-REKENING          PIC X(18).
               10  MA-STATUS            PIC 9.
                   88  MA-ACTIEF        VALUE 0.
                   88  MA-BEEINDIGD     VALUE 9.
               10  MA-MUTATIE           PIC X(14).
           05  ABONNEMENT REDEFINES KLANT.
               10  MB-MSISDN            PIC 9(11) COMP-3.
               10  MB-BUNDEL            PIC X(4).
               10  MB-INGANG            PIC 9(8).
               10  MB-EINDE             PIC 9(8).
               10  MB-LIMIET            PIC S9(5)V99 COMP-3.
           05  BETALER REDEFINES KLANT.
               10  MP-KLANTNR           PIC 9(8).
