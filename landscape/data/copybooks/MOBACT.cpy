      * MOBACT - ACTIVATIES MOBIEL. VASTE RECORDLENGTE, EBCDIC CP500.
      * MA-GESLACHT  0 = ONBEKEND, 1 = MAN, 2 = VROUW
      * MA-STATUS    0 = ACTIEF, 9 = BEEINDIGD
       01  MOBILE-ACTIVATION.
           05  MA-NUMMER                PIC 9(9) COMP.
           05  MA-MSISDN                PIC 9(11) COMP-3.
           05  MA-NAAM.
               10  MA-VOORNAAM          PIC X(20).
               10  MA-VOORLETTERS       PIC X(8).
               10  MA-TUSSENVOEGSEL     PIC X(10).
               10  MA-ACHTERNAAM        PIC X(30).
           05  MA-GEBDAT                PIC 9(6).
           05  MA-GESLACHT              PIC 9.
           05  MA-ADRES.
               10  MA-STRAAT            PIC X(30).
               10  MA-HUISNR            PIC 9(5).
               10  MA-TOEVOEGING        PIC X(5).
               10  MA-PC-CIJFERS        PIC 9(4).
               10  MA-PC-LETTERS        PIC XX.
               10  MA-PLAATS            PIC X(25).
           05  MA-EMAIL                 PIC X(60).
           05  MA-REKENING              PIC X(18).
           05  MA-BETALER               PIC 9(8).
           05  MA-STATUS                PIC 9.
           05  MA-MUTATIE               PIC X(14).
           05  MA-ABONNEMENT            OCCURS 3 TIMES.
               10  MB-MSISDN            PIC 9(11) COMP-3.
               10  MB-BUNDEL            PIC X(4).
               10  MB-INGANG            PIC 9(8).
               10  MB-EINDE             PIC 9(8).
               10  MB-LIMIET            PIC S9(5)V99 COMP-3.
           05  FILLER                   PIC X(6).
