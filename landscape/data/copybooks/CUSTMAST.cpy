      * CUSTMAST - KLANTENBESTAND FACTURATIE. RECFM=VB, EBCDIC CP1140.
       01  CUSTOMER-MASTER.
           05  CM-KLANTNR               PIC 9(8).
           05  CM-SOORT                 PIC X.
               88  CM-PARTICULIER       VALUE 'P'.
               88  CM-ZAKELIJK          VALUE 'Z'.
           05  CM-STATUS                PIC X.
               88  CM-ACTIEF            VALUE 'A'.
               88  CM-AANMANING         VALUE 'S'.
               88  CM-VERVALLEN         VALUE 'X'.
           05  CM-NAAM                  PIC X(40).
           05  CM-GEBDAT                PIC 9(8) COMP-3.
           05  CM-GESLACHT              PIC X.
           05  CM-ADRES.
               10  CM-STRAAT            PIC X(24).
               10  CM-HUISNR            PIC 9(5) COMP-3.
               10  CM-TOEVOEGING        PIC X(4).
               10  CM-POSTCODE          PIC X(6).
               10  CM-PLAATS            PIC X(20).
           05  CM-IBAN                  PIC X(18).
           05  CM-KVK                   PIC 9(8).
           05  CM-BTW                   PIC X(14).
           05  CM-SALDO                 PIC S9(7)V99 COMP-3.
           05  CM-MUTDATUM              PIC 9(8).
           05  CM-MUTTIJD               PIC 9(6).
           05  CM-TEL-AANTAL            PIC 9.
           05  CM-AANTAL                PIC 9(2) COMP.
      * WAT HIERACHTER STAAT IS ZO LANG ALS ER TELEFOONS EN PRODUCTEN ZIJN.
           05  CM-TELEFOON              OCCURS 0 TO 2 TIMES
                                        DEPENDING ON CM-TEL-AANTAL.
               10  CT-SOORT             PIC X.
                   88  CT-VAST          VALUE 'V'.
                   88  CT-MOBIEL        VALUE 'M'.
               10  CT-NUMMER            PIC X(11).
           05  CM-PRODUCT               OCCURS 0 TO 4 TIMES
                                        DEPENDING ON CM-AANTAL.
               10  CP-CODE              PIC X(3).
               10  CP-NUMMER            PIC X(11).
               10  CP-STATUS            PIC X.
               10  CP-INGANG            PIC 9(8) COMP-3.
               10  CP-EINDE             PIC 9(8) COMP-3.
