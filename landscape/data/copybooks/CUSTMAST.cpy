      * CUSTMAST - KLANTENBESTAND FACTURATIE. VASTE RECORDLENGTE, EBCDIC CP037.
      * CM-SOORT   P = PARTICULIER, Z = ZAKELIJK
      * CM-STATUS  A = ACTIEF, S = AANMANING, X = VERVALLEN
       01  CUSTOMER-MASTER.
           05  CM-KLANTNR               PIC 9(8).
           05  CM-SOORT                 PIC X.
           05  CM-STATUS                PIC X.
           05  CM-NAAM                  PIC X(40).
           05  CM-GEBDAT                PIC 9(8) COMP-3.
           05  CM-GESLACHT              PIC X.
           05  CM-ADRES.
               10  CM-STRAAT            PIC X(24).
               10  CM-HUISNR            PIC 9(5) COMP-3.
               10  CM-TOEVOEGING        PIC X(4).
               10  CM-POSTCODE          PIC X(6).
               10  CM-PLAATS            PIC X(20).
           05  CM-TELEFOON              PIC X(11) OCCURS 2 TIMES.
           05  CM-IBAN                  PIC X(18).
           05  CM-KVK                   PIC 9(8).
           05  CM-BTW                   PIC X(14).
           05  CM-SALDO                 PIC S9(7)V99 COMP-3.
           05  CM-AANTAL                PIC 9(2) COMP.
           05  CM-PRODUCT               OCCURS 4 TIMES.
               10  CP-CODE              PIC X(3).
               10  CP-NUMMER            PIC X(11).
               10  CP-STATUS            PIC X.
               10  CP-INGANG            PIC 9(8) COMP-3.
               10  CP-EINDE             PIC 9(8) COMP-3.
           05  CM-MUTDATUM              PIC 9(8).
           05  CM-MUTTIJD               PIC 9(6).
           05  FILLER                   PIC X(10).
